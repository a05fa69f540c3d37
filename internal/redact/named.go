package redact

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// assigned matches the NAME= of an assignment.
	assigned = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*=`)
	// assignedValue matches the value of an assignment, with or without quotes around it.
	assignedValue = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$)|(?:\\.|[^\s,;&"'])+)`)
	// quotedRest matches the rest of a quoted word, by its quote.
	quotedRest = map[string]*regexp.Regexp{`"`: regexp.MustCompile(`^(?:[^"\\]|\\[\s\S])*`), "'": regexp.MustCompile(`^[^']*`)}
	word       = regexp.MustCompile(`[A-Z]?[a-z0-9]+|[A-Z0-9]+`)
	acronym    = regexp.MustCompile(`([A-Z])([A-Z][a-z])`) // the end of HTTP in HTTPToken
	// wordChars may precede an assignment in its word, as in --build-arg=NPM_TOKEN=VALUE.
	wordChars = "-:_.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// secretWords are those of BuildKit's check SecretsUsedInArgOrEnv, with their plurals.
	secretWords = []string{"apikey", "auth", "credential", "credentials", "key", "keys", "passphrase", "password", "passwords",
		"passwd", "pword", "secret", "secrets", "token", "tokens"}
	// secretStems has a part of each of the secretWords.
	secretStems = []string{"key", "auth", "credential", "pass", "pword", "secret", "token"}
)

// SecretName reports whether a variable with this name holds a secret, such as NPM_TOKEN or main.apiKey. The name of a
// public key does not count.
func SecretName(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	lower := strings.ToLower(name)
	if !slices.ContainsFunc(secretStems, func(stem string) bool { return strings.Contains(lower, stem) }) {
		return false // most names; splitting them into words is slow
	}
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

// assignments returns s with *** for the value of each NAME=VALUE whose name is that of a secret. The value of another
// name may be an assignment, as in -X=main.apiKey=VALUE. If a quoted word begins with an assignment, the value extends
// to the closing quote.
func assignments(s string) string {
	if !strings.Contains(s, "=") {
		return s
	}
	var b strings.Builder
	quote := "" // the character before the word that begins with the assignment
	for {
		at := assigned.FindStringIndex(s)
		if at == nil {
			return b.String() + s
		}
		if before := strings.TrimRight(s[:at[0]], wordChars); before != "" {
			quote = before[len(before)-1:]
		}
		name, rest := s[at[0]:at[1]-1], s[at[1]:]
		b.WriteString(s[:at[1]])
		if SecretName(name) {
			value := quotedRest[quote]
			if value == nil {
				value = assignedValue
			}
			length := len(value.FindString(rest))
			if length > 0 {
				b.WriteString(mark)
			}
			rest = rest[length:]
		}
		s = rest
	}
}

// Value returns *** if a variable with this name holds a secret. Otherwise, it returns value without the secrets in
// assignments, such as -X main.apiKey=VALUE. Call Text, too, for secrets in other forms.
func Value(name, value string) string {
	if SecretName(name) && value != "" {
		return mark
	}
	return assignments(value)
}
