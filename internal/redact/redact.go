package redact

import (
	"regexp"
	"strings"
)

// mark replaces a secret.
const mark = "***"

var (
	// https://USER:PASSWORD@HOST and https://TOKEN@HOST.
	userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#"'<>` + "`" + `]+)@`)
	// The same with a slash in the password. URL parsers reject this and quote it in their errors.
	brokenInfo = regexp.MustCompile(`(https?://)([^\s/@:"'<>` + "`" + `]+:[^\s@"'<>` + "`" + `]*)@([A-Za-z0-9.-]+(?::[0-9]+)?)`)
	// USER:PASSWORD@HOST, as in a reference without a scheme.
	bareInfo = regexp.MustCompile(`([^\s/@:"'<>=` + "`" + `]+:[^\s/@"'<>` + "`" + `]+)@((?:[A-Za-z0-9-]+\.[A-Za-z0-9.-]+|localhost)(?::[0-9]+)?|[A-Za-z0-9-]+:[0-9]+)`)
	header   = regexp.MustCompile(`(?i)\b(authorization["']?\s*[:=]\s*["']?)((?:basic|bearer|token|digest)\s+)?[^\s"',;]+`)
	scheme   = regexp.MustCompile(`(?i)\b(basic|bearer)(\s+)([A-Za-z0-9._~+/-]{6,}=*)`)
	query    = regexp.MustCompile(`([?&;])([A-Za-z0-9_.%-]+)=([^&;\s"'<>#` + "`" + `]+)`)
	// secretKey matches query parameters of AWS, Google, Azure, CloudFront and Cloudflare that
	// grant access to a blob, and common names of secrets on other servers.
	secretKey = regexp.MustCompile(`(?i)sig|token|secret|passw|credential|key|auth|policy|session|verify`)
)

// Text returns s without secrets that are recognizable by their form.
func Text(s string) string {
	if strings.Contains(s, "@") {
		s = userInfo.ReplaceAllStringFunc(s, func(found string) string {
			head, info, _ := strings.Cut(strings.TrimSuffix(found, "@"), "://")
			// ssh://git@HOST contains an account but no secret.
			if strings.HasSuffix(head, "ssh") && !strings.Contains(info, ":") {
				return found
			}
			return head + "://" + mark + "@"
		})
		s = brokenInfo.ReplaceAllStringFunc(s, func(found string) string {
			head, rest, _ := strings.Cut(found, "://")
			host := rest[strings.LastIndexByte(rest, '@')+1:]
			if isDigest(host) {
				return found
			}
			return head + "://" + mark + "@" + host
		})
		s = bareInfo.ReplaceAllStringFunc(s, func(found string) string {
			host := found[strings.LastIndexByte(found, '@')+1:]
			if isDigest(host) || strings.HasPrefix(found, mark) {
				return found
			}
			return mark + "@" + host
		})
	}
	if strings.Contains(s, "=") {
		s = query.ReplaceAllStringFunc(s, func(found string) string {
			key, _, _ := strings.Cut(found, "=")
			if !secretKey.MatchString(key) {
				return found
			}
			return key + "=" + mark
		})
	}
	// Most texts have neither, and the expressions are slow.
	lower := strings.ToLower(s)
	if strings.Contains(lower, "authorization") {
		s = header.ReplaceAllString(s, "${1}${2}"+mark)
	}
	if !strings.Contains(lower, "basic") && !strings.Contains(lower, "bearer") {
		return s
	}
	return scheme.ReplaceAllStringFunc(s, func(found string) string {
		word, value, _ := strings.Cut(found, " ")
		// "Basic authentication" is prose.
		if value = strings.TrimSpace(value); len(value) < 20 && !strings.ContainsAny(strings.TrimRight(value, "."), "0123456789=+/.") {
			return found
		}
		return word + " " + mark
	})
}

// isDigest reports whether the text after the @ of a reference is the algorithm of a digest.
func isDigest(s string) bool {
	return strings.HasPrefix(s, "sha256:") || strings.HasPrefix(s, "sha512:") || s == "sha256" || s == "sha512"
}

// Error returns an error that wraps err and has a text without secrets, or err itself if its text
// has none.
func Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := Text(text); clean != text {
		return &redacted{clean, err}
	}
	return err
}

type redacted struct {
	text string
	error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.error }
