package convert

import (
	"errors"
	"regexp"
	"strings"
	"text/template"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/scaffold/draft"
)

// actions maps actions of the Go templates of goreleaser, ko and promu to values in slipway.yaml.
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

// translate replaces the actions in a Go template, and reports whether all of them are known. env has the environment
// variables to which the value refers.
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
	return withoutV(b.String()), env, !strings.Contains(b.String(), "{{")
}

var vVersion = regexp.MustCompile(`(^|[^A-Za-z0-9])v\$\{VERSION\}`)

// withoutV removes the v before ${VERSION}. Unlike .Version of goreleaser, ${VERSION} contains the v of the tag.
func withoutV(text string) string { return vVersion.ReplaceAllString(text, "$1$${VERSION}") }

// names translates the template of a file name. A template with conditions is executed for each platform.
func (c *Conversion) names(line int, key, text string, platforms []string) []draft.Conditional {
	if value, _, ok := translate(text); ok {
		return []draft.Conditional{{Value: value}}
	}
	parsed, err := template.New("").Option("missingkey=error").Funcs(nameFunctions).Parse(text)
	if err != nil {
		c.leave(line, key, "the template "+text)
		return nil
	}
	names := map[string]string{}
	for _, platform := range platforms {
		var name strings.Builder
		if err := parsed.Execute(&name, nameFields(platform)); err != nil {
			c.leave(line, key, "the template "+text)
			return nil
		}
		names[platform] = withoutV(strings.TrimSpace(name.String()))
	}
	return conditionals(platforms, names)
}

// conditionals returns the names for platforms, with conditions. The name that most platforms share, in terms of ${OS}
// and ${ARCH}, comes last, without a condition.
func conditionals(platforms []string, names map[string]string) []draft.Conditional {
	common, count := "", map[string]int{}
	for _, p := range platforms {
		g := general(p, names[p])
		if count[g]++; count[g] > max(1, count[common]) {
			common = g
		}
	}
	var all []draft.Conditional
	for _, p := range platforms {
		if common == "" || general(p, names[p]) != common {
			all = append(all, draft.Conditional{Value: names[p], When: `${PLATFORM} == "` + strings.ReplaceAll(p, "/", "-") + `"`})
		}
	}
	if common != "" {
		all = append(all, draft.Conditional{Value: common})
	}
	return all
}

// general replaces the system and the architecture of a platform in a name by variables.
func general(platform, name string) string {
	parts := strings.Split(platform, "/")
	return strings.ReplaceAll(strings.ReplaceAll(name, parts[0], "${OS}"), parts[1], "${ARCH}")
}

// nameFields returns the fields of a name template for a platform.
func nameFields(platform string) map[string]string {
	goos, arch, _ := strings.Cut(platform, "/")
	arch, variant, _ := strings.Cut(arch, "/")
	fields := map[string]string{
		"ProjectName": "${PROJECT}", "Version": "${VERSION}", "Tag": "${VERSION}", "Commit": "${COMMIT}", "ShortCommit": "${SHORT_COMMIT}",
		"Binary": "${NAME}", "PackageName": "${NAME}", "Os": goos, "Arch": arch, "Arm": "", "Amd64": "", "Mips": "", "Arm64": "", "I386": "", "Ppc64": "", "Riscv64": "",
	}
	switch {
	case arch == "arm":
		fields["Arm"] = strings.TrimPrefix(variant, "v")
	case arch == "amd64":
		fields["Amd64"] = "v1"
	case strings.HasPrefix(arch, "mips"):
		fields["Mips"] = "hardfloat"
	}
	return fields
}

// nameFunctions are functions of goreleaser's templates. They return an error for a value that is a variable of
// slipway.yaml.
var nameFunctions = template.FuncMap{
	"title": func(s string) (string, error) {
		return known(strings.ToUpper(s[:min(1, len(s))])+s[min(1, len(s)):], s)
	},
	"tolower":    func(s string) (string, error) { return known(strings.ToLower(s), s) },
	"toupper":    func(s string) (string, error) { return known(strings.ToUpper(s), s) },
	"trim":       func(s string) (string, error) { return known(strings.TrimSpace(s), s) },
	"trimprefix": func(s, prefix string) (string, error) { return known(strings.TrimPrefix(s, prefix), s) },
	"trimsuffix": func(s, suffix string) (string, error) { return known(strings.TrimSuffix(s, suffix), s) },
	"replace":    func(s, old, with string) (string, error) { return known(strings.ReplaceAll(s, old, with), s) },
}

func known(result, argument string) (string, error) {
	if strings.Contains(argument, "${") {
		return "", errors.New("the argument is a variable")
	}
	return result, nil
}
