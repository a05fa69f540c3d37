package redact

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// assigned matches NAME=VALUE, with or without quotes around the value.
	assigned = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_.-]*)=("[^"]*"|'[^']*'|[^\s,;&"']+)`)
	word     = regexp.MustCompile(`[A-Z]?[a-z0-9]+|[A-Z0-9]+`)
	acronym  = regexp.MustCompile(`([A-Z])([A-Z][a-z])`) // the end of HTTP in HTTPToken
	// secretWords are those of BuildKit's check SecretsUsedInArgOrEnv, with their plurals.
	secretWords = []string{"apikey", "auth", "credential", "credentials", "key", "keys", "passphrase", "password", "passwords",
		"passwd", "pword", "secret", "secrets", "token", "tokens"}
)

// SecretName reports whether a variable with this name holds a secret, such as NPM_TOKEN or main.apiKey. A public key
// is none.
func SecretName(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	secret := false
	for _, w := range word.FindAllString(acronym.ReplaceAllString(name, "${1}_${2}"), -1) {
		w = strings.ToLower(w)
		if w == "public" {
			return false
		}
		secret = secret || slices.Contains(secretWords, w)
	}
	return secret
}

// assignments returns s with *** for the value of each NAME=VALUE whose name is that of a secret.
func assignments(s string) string {
	if !strings.Contains(s, "=") {
		return s
	}
	return assigned.ReplaceAllStringFunc(s, func(found string) string {
		name, _, _ := strings.Cut(found, "=")
		if !SecretName(name) {
			return found
		}
		return name + "=" + mark
	})
}

// Value returns *** if a variable with this name holds a secret. Otherwise, it returns value without the secrets in
// assignments, such as -X main.apiKey=VALUE. Text finds those with a form of their own.
func Value(name, value string) string {
	if SecretName(name) && value != "" {
		return mark
	}
	return assignments(value)
}
