package certify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// audience is that of tokens for Fulcio.
const audience = "sigstore"

// GitHubToken asks GitHub for an identity token of the job that runs. address and bearer are in the environment of a job
// with the permission id-token: write.
func GitHubToken(ctx context.Context, address, bearer string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("getting an identity token from GitHub: its address is invalid")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	answer, err := ask(ctx, call{address: u.String(), token: bearer})
	if err != nil {
		return "", fmt.Errorf("getting an identity token from GitHub: %w", err)
	}
	var issued struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(answer, &issued); err != nil || issued.Value == "" {
		return "", errors.New("getting an identity token from GitHub: the answer has none")
	}
	return issued.Value, nil
}

// subjectOf returns the text whose signature proves to Fulcio that the bearer of a token has the key: the verified e-mail
// address, or else the subject. It does not verify the token; Fulcio does.
func subjectOf(token string, now time.Time) (string, error) {
	parts := strings.Split(token, ".")
	var claims struct {
		Subject  string `json:"sub"`
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some services write it as text
		Expires  int64  `json:"exp"`
	}
	invalid := errors.New("invalid identity token: want a JWT with a subject and a time of expiry")
	if len(parts) != 3 {
		return "", invalid
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Expires == 0 {
		return "", invalid
	}
	if ended := now.Sub(time.Unix(claims.Expires, 0)); ended > 0 {
		return "", fmt.Errorf("the identity token has ended, %s ago: get a new one, and run again; signatures that were made stay", ended.Round(time.Second))
	}
	switch {
	case claims.Email == "" && claims.Subject == "":
		return "", invalid
	case claims.Email == "":
		return claims.Subject, nil
	case fmt.Sprint(claims.Verified) != "true":
		return "", errors.New("the identity token has an e-mail address that its issuer has not verified")
	}
	return claims.Email, nil
}
