package survey

import (
	"regexp"
	"slices"
	"strings"
)

// meanings maps variables of slipway.yaml to the names that recipes use for them, without _ and in lower case.
var meanings = map[string][]string{
	"${VERSION}": {
		"version", "imageversion", "buildversion", "appversion", "gitversion", "releaseversion", "projectversion", "pkgversion",
		"gittag", "githubrefname", "release", "coreversion", "semver", "tagname", "releasetag", "cicommittag",
	},
	"${TAG}": {"tag", "imagetag", "dockertag", "dockerizedversion", "dockerimagetag"},
	"${COMMIT}": {
		"commit", "gitcommit", "gitsha", "sha", "vcsref", "buildcommit", "commitsha", "githubsha", "githash", "commithash", "commitid",
		"gitrev", "gitrevision", "vcs", "buildhash", "fullcommit", "gitcommitsha", "sourcecommit", "buildsha", "buildgitcommit", "cicommitsha",
	},
	"${SHORT_COMMIT}": {"shortcommit", "commitshort", "shortsha", "gitshortcommit", "gitcommitshort", "shorthash", "cicommitshortsha"},
	"${REVISION}":     {"revision", "buildrevision"},
	"${DATE}":         {"date", "builddate", "buildtime", "buildtimestamp", "timestamp", "created", "commitdate", "builtat", "buildat"},
	"${BRANCH}":       {"branch", "gitbranch", "buildbranch"},
	"${DIRTY}":        {"dirty", "gitdirty"},
	"${ARCH}":         {"arch", "goarch", "targetarch"},
	"${OS}":           {"os", "goos", "targetos"},
	"${WINDOWS}":      {"osversion", "windowsversion", "winversion", "windowsosversion"},
}

// Meaning returns the variable of slipway.yaml for a variable with this name, or "".
func Meaning(name string) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
	for variable, names := range meanings {
		if slices.Contains(names, plain) {
			return variable
		}
	}
	return ""
}

var dateCommand = regexp.MustCompile(`^date\b`)

// commandMeaning returns the variable with the same value as the output of a command.
func commandMeaning(command string) (string, bool) {
	command = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(command), "shell "))
	switch {
	case strings.Contains(command, "git describe") || strings.Contains(command, "git tag"):
		return "${VERSION}", true
	case strings.Contains(command, "rev-parse --abbrev-ref"), strings.Contains(command, "git branch"):
		return "${BRANCH}", true
	case strings.Contains(command, "rev-parse --short"):
		return "${SHORT_COMMIT}", true
	case strings.Contains(command, "git rev-parse"):
		return "${COMMIT}", true
	case dateCommand.MatchString(command):
		return "${DATE}", true
	}
	return "", false
}

// actionsMeaning returns the value of an expression of GitHub Actions.
func actionsMeaning(name string, meanings bool) (string, bool) {
	switch {
	case name == "github.ref_name" || strings.HasSuffix(name, ".tag_name"):
		return "${VERSION}", meanings
	case name == "github.sha":
		return "${COMMIT}", meanings
	}
	return "", false
}
