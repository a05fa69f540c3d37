package convert

import (
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/build/config/expression"
)

// actions are the values of actions of Go templates, as goreleaser, ko and promu have them, in slipway.yaml.
var actions = map[string]string{
	".Version": "${VERSION}", ".Tag": "${VERSION}", ".RawVersion": "${MAJOR}.${MINOR}.${PATCH}", ".Commit": "${COMMIT}",
	".FullCommit": "${COMMIT}", ".Git.FullCommit": "${COMMIT}", ".Git.Tag": "${VERSION}", ".Git.ShortCommit": "${SHORT_COMMIT}",
	".ShortCommit": "${SHORT_COMMIT}", ".Date": "${DATE}", ".CommitDate": "${DATE}", ".Branch": "${BRANCH}", ".Revision": "${REVISION}",
	".Major": "${MAJOR}", ".Minor": "${MINOR}", ".Patch": "${PATCH}", ".ProjectName": "${PROJECT}", ".Os": "${OS}", ".Arch": "${ARCH}",
	".Binary": "${NAME}", ".ArtifactExt": "${EXE}", `date "20060102-15:04:05"`: "${DATE}",
}

var (
	action  = regexp.MustCompile(`\s*\{\{-[^}]*\}\}|\{\{[^}]*\}\}`)
	envName = regexp.MustCompile(`^\.Env\.([A-Za-z_][A-Za-z0-9_]*)$`)
)

// translate replaces the actions in a Go template, and reports whether it knows all of them. env are the environment
// variables that the value refers to.
func translate(text string) (value string, env []string, ok bool) {
	var b strings.Builder
	for text != "" {
		at := action.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		b.WriteString(expression.Literal(text[:at[0]]).String())
		one := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text[at[0]:at[1]]), "{{"), "}}")
		text = text[at[1]:]
		if strings.HasSuffix(one, "-") {
			text = strings.TrimLeft(text, " \t\n")
		}
		if one = strings.Trim(one, "- \t"); one == "" {
			continue
		}
		if m := envName.FindStringSubmatch(one); m != nil {
			env = append(env, m[1])
			b.WriteString("${" + m[1] + ":-}")
			continue
		}
		known, ok := actions[one]
		if !ok {
			return "", nil, false
		}
		b.WriteString(known)
	}
	return b.String(), env, !strings.Contains(b.String(), "{{")
}
