package config

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/internal/redact"
)

// Sign says how the files and images of a release are signed; see build/proof.
type Sign struct {
	// Position is its place in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	When      expression.Condition `yaml:"when" json:"-" doc:"condition, such as ${TAG} != \"\": nothing is signed unless it holds"`
	Key       string               `yaml:"key" json:"key,omitempty" doc:"private key: a PEM file as cosign makes it, or PKCS #8; or env://NAME, an environment variable with the content of one"`
	Password  string               `yaml:"password" json:"password,omitempty" doc:"environment variable with the password of the key; default: COSIGN_PASSWORD"`
	Command   []string             `yaml:"command" json:"command,omitempty" doc:"instead of key: program and arguments; it reads the bytes to sign from stdin and writes the signature to stdout" example:"[./sign-with-kms.sh, projects/acme/keys/release]"`
	Secrets   []string             `yaml:"secrets" json:"secrets,omitempty" doc:"with command: names of environment variables to pass on"`
	Timeout   string               `yaml:"timeout" json:"timeout,omitempty" doc:"with command: limit of the time for one signature, such as 30s; default: 1m"`
	Keyless   *Keyless             `yaml:"keyless" json:"keyless,omitempty" doc:"instead of key: sign with the identity of a token, which Fulcio certifies"`
	PublicKey string               `yaml:"public-key" json:"publicKey,omitempty" doc:"public key, a PEM file or env://NAME; required with command; default: that of the private key, which verify and publish then need"`
	Files     string               `yaml:"files" json:"files,omitempty" enum:"all checksums none" doc:"files of dist/artifacts to sign: all (default), checksums or none; a signature is in FILE.sigstore.json"`
	Attach    []string             `yaml:"attach" json:"attach,omitempty" enum:"referrers tags none" doc:"how registries get the signatures of images and indexes: referrers (default), tags (sha256-….sig, for cosign before version 3), or none"`
	Lists     bool                 `yaml:"lists" json:"lists,omitempty" doc:"at publish, also sign the images of lists that are below the registry and repository of a destination; see docs/signing.md; default: false"`
}

// A Keyless says how a release is signed with an identity instead of a key; see images/attest/keyless. The keys are the
// flags of cosign.
type Keyless struct {
	Fulcio         string `yaml:"fulcio-url" json:"fulcioUrl" required:"true" doc:"address of the Fulcio, such as https://fulcio.sigstore.dev"`
	TSA            string `yaml:"timestamp-server-url" json:"timestampServerUrl,omitempty" doc:"address of a timestamp authority (RFC 3161), with its path; this or rekor-url is required"`
	Rekor          string `yaml:"rekor-url" json:"rekorUrl,omitempty" doc:"address of a Rekor (version 1), a public log, such as https://rekor.sigstore.dev"`
	Token          string `yaml:"identity-token" json:"identityToken,omitempty" doc:"environment variable with the identity token; default: SIGSTORE_ID_TOKEN, or else a token that GitHub Actions issues"`
	TrustedRoot    string `yaml:"trusted-root" json:"trustedRoot" required:"true" doc:"file with the trusted root of these services, to verify signatures without a network"`
	Identity       string `yaml:"certificate-identity" json:"certificateIdentity,omitempty" doc:"who must have signed: the subject of the certificate, an e-mail address or a URI"`
	IdentityRegexp string `yaml:"certificate-identity-regexp" json:"certificateIdentityRegexp,omitempty" doc:"instead of certificate-identity: a regular expression, which need not match all of the subject, such as ^https://github.com/acme/acme/.github/workflows/release.yml@refs/tags/v"`
	Issuer         string `yaml:"certificate-oidc-issuer" json:"certificateOidcIssuer,omitempty" doc:"address of the service that issues the token, such as https://token.actions.githubusercontent.com"`
	IssuerRegexp   string `yaml:"certificate-oidc-issuer-regexp" json:"certificateOidcIssuerRegexp,omitempty" doc:"instead of certificate-oidc-issuer: a regular expression"`
}

// What describes what is signed.
func (s Sign) What() []string {
	var what []string
	switch s.Files {
	case "all":
		what = append(what, "all artifacts")
	case "checksums":
		what = append(what, "checksums")
	}
	if s.Attaches("referrers") || s.Attaches("tags") {
		what = append(what, "images and indexes ("+strings.Join(s.Attach, ", ")+")")
	}
	if s.Lists {
		what = append(what, "images of lists, at publish")
	}
	return what
}

// By describes what signs.
func (s Sign) By() string {
	switch {
	case len(s.Command) > 0:
		return s.Command[0]
	case s.Keyless != nil:
		return cmp.Or(s.Keyless.Identity, s.Keyless.IdentityRegexp)
	}
	return s.Key
}

// Attaches reports whether attach has a value.
func (s Sign) Attaches(how string) bool { return slices.Contains(s.Attach, how) }

// signTimeout is the limit of a signature of a command that has none.
const signTimeout = time.Minute

// Given reports whether a release is signed.
func (s Sign) Given() bool {
	return (s.Key != "" || len(s.Command) > 0 || s.Keyless != nil) && s.When.Holds(nil)
}

// Limit returns the timeout of s.
func (s Sign) Limit() time.Duration {
	if d, err := time.ParseDuration(s.Timeout); err == nil { // Load has checked it
		return d
	}
	return signTimeout
}

func (v *validator) sign() {
	s := &v.config.Sign
	if !v.given("sign") {
		return
	}
	ways := 0
	for _, given := range []bool{s.Key != "", len(s.Command) > 0, s.Keyless != nil} {
		if given {
			ways++
		}
	}
	switch {
	case v.reportedBelow("sign"):
	case ways == 0:
		v.wrong("sign", "want key, a private key, command, a program that signs, or keyless, an identity")
	case ways > 1:
		v.wrong("sign", "want one of key, command and keyless")
	case len(s.Command) > 0 && s.Command[0] == "":
		v.wrong("sign.command[0]", "is empty: want a program")
	case len(s.Command) > 0 && s.PublicKey == "":
		v.wrong("sign", "missing public-key: with command, it is not known otherwise")
	}
	v.signCommand(s)
	v.signKeyless(s)
	v.keyPlace("sign.key", s.Key)
	v.keyPlace("sign.public-key", s.PublicKey)
	if s.Password != "" && s.Key == "" {
		v.wrong("sign.password", "only key has it")
	}
	for _, name := range append([]string{s.Password}, s.Secrets...) {
		if name != "" && !expression.IsName(name) {
			v.wrong("sign", "%q: want the name of an environment variable", name)
		}
	}
	if len(s.Attach) > 1 && slices.Contains(s.Attach, "none") {
		v.wrong("sign.attach", "none excludes the others")
	}
	switch {
	case !s.Lists:
	case slices.Contains(s.Attach, "none"):
		v.wrong("sign.lists", "attach is none: want referrers or tags")
	case len(v.config.Airgap.Lists) == 0:
		v.wrong("sign.lists", "there are none: want airgap.lists")
	}
	s.Files = cmp.Or(s.Files, "all")
	if len(s.Attach) == 0 {
		s.Attach = []string{"referrers"}
	}
}

// signCommand checks the keys that only command has.
func (v *validator) signCommand(s *Sign) {
	for key, given := range map[string]bool{"secrets": len(s.Secrets) > 0, "timeout": s.Timeout != ""} {
		if given && len(s.Command) == 0 {
			v.wrong("sign."+key, "only command has it")
		}
	}
	if s.Timeout != "" {
		if d, err := time.ParseDuration(s.Timeout); err != nil || d <= 0 {
			v.wrong("sign.timeout", "%q: want a time above zero, such as 30s or 2m", s.Timeout)
		}
	}
}

// signKeyless checks the services and the identity of keyless signatures.
func (v *validator) signKeyless(s *Sign) {
	k := s.Keyless
	if k == nil {
		return
	}
	if s.PublicKey != "" {
		v.wrong("sign.public-key", "keyless has none: each signature has a key of its own")
	}
	if s.Attaches("tags") {
		v.wrong("sign.attach", "keyless signatures cannot be attached as tags: use referrers")
	}
	if v.reportedBelow("sign.keyless") {
		return
	}
	if k.TSA == "" && k.Rekor == "" {
		v.wrong("sign.keyless", "missing timestamp-server-url or rekor-url: without either, a signature ends with its certificate, after some minutes")
	}
	for _, of := range []struct{ key, address string }{{"fulcio-url", k.Fulcio}, {"timestamp-server-url", k.TSA}, {"rekor-url", k.Rekor}} {
		if u, err := url.Parse(of.address); of.address != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			v.wrong("sign.keyless."+of.key, "%q: want an address that begins with https:// or http://", redact.Text(of.address))
		}
	}
	v.exactOrPattern("certificate-identity", k.Identity, k.IdentityRegexp)
	v.exactOrPattern("certificate-oidc-issuer", k.Issuer, k.IssuerRegexp)
	if k.Token != "" && !expression.IsName(k.Token) {
		v.wrong("sign.keyless.identity-token", "want the name of an environment variable")
	}
}

// exactOrPattern checks a part of an identity.
func (v *validator) exactOrPattern(key, exact, pattern string) {
	const parent = "sign.keyless"
	switch {
	case exact == "" && pattern == "":
		v.wrong(parent, "missing %[1]s or %[1]s-regexp", key)
	case exact != "" && pattern != "":
		v.wrong(parent+"."+key, "want either %[1]s or %[1]s-regexp", key)
	}
	if _, err := regexp.Compile(pattern); err != nil {
		v.wrong(parent+"."+key+"-regexp", "%v", err)
	}
}

// keyPlace checks a value that is a file or env://NAME. A file need not exist, since most machines do not have the key.
func (v *validator) keyPlace(at, place string) {
	scheme, name, ok := strings.Cut(place, "://")
	switch {
	case !ok:
	case scheme != "env":
		v.wrong(at, "%q: want a file or env://NAME; for a key of a KMS, use command", place)
	case !expression.IsName(name):
		v.wrong(at, "%q: want env:// and the name of an environment variable", place)
	}
}
