package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/suggest"
)

// goFlags are the flags of go build in Go 1.26 (go help build), without those of ownFlags, and whether each has a value.
var goFlags = map[string]bool{
	"a": false, "asan": false, "cover": false, "linkshared": false, "modcacherw": false, "msan": false, "race": false, "v": false, "x": false,
	"compiler": true, "covermode": true, "coverpkg": true, "gccgoflags": true, "installsuffix": true, "modfile": true, "overlay": true,
	"pgo": true, "pkgdir": true, "toolexec": true,
}

// ownFlags are the flags that this package sets, or that would keep it from finding the binary, and the reason.
var ownFlags = map[string]string{
	"asmflags":  "use the key asmflags",
	"buildmode": "use the key buildmode",
	"buildvcs":  "it is always false; to record the version, use ldflags, such as -X main.version=${VERSION}",
	"C":         "use the key module",
	"gcflags":   "use the key gcflags",
	"json":      "the errors of go are read as text",
	"ldflags":   "use the key ldflags",
	"mod":       "it is always readonly, or vendor for a module with a vendor folder",
	"n":         "it builds nothing; slipway plan shows what would be built",
	"o":         "the file is dist/bin/<os>-<arch>/<name>; names.binary is the name in the release",
	"p":         "use --jobs, or JOBS in the environment",
	"tags":      "use the key tags",
	"trimpath":  "it is always set, so that the binary does not depend on the folder",
	"work":      "temporary files are removed after each build",
}

// externalFlags are the flags that refer to files which may be outside the module.
var externalFlags = []string{"modfile", "overlay", "pgo", "pkgdir", "toolexec"}

// CheckFlag returns an error unless flag, such as -cover or -covermode=atomic, is one flag of go build that a user may
// choose.
func CheckFlag(flag string) error {
	name, hasValue, ok := flagName(flag)
	if !ok {
		return fmt.Errorf("%q is not a flag of go build: want one flag for each entry, such as -cover or -covermode=atomic", flag)
	}
	if why, own := ownFlags[name]; own {
		return fmt.Errorf("-%s cannot be set here: %s", name, why)
	}
	wantsValue, known := goFlags[name]
	switch {
	case !known:
		var names []string
		for _, known := range slices.Sorted(maps.Keys(goFlags)) {
			names = append(names, "-"+known)
		}
		return fmt.Errorf("unknown flag -%s of go build%s; a flag that is newer than slipway can be set by GOFLAGS in env", name, suggest.DidYouMean("-"+name, names))
	case wantsValue && !hasValue:
		return fmt.Errorf("-%s: missing value: write -%s=VALUE", name, name)
	}
	return nil
}

// flagName returns the name of a flag, without dashes.
func flagName(flag string) (name string, hasValue, ok bool) {
	name, _, hasValue = strings.Cut(flag, "=")
	if name, ok = strings.CutPrefix(name, "-"); !ok {
		return "", false, false
	}
	name = strings.TrimPrefix(name, "-")
	ok = name != "" && !strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r != 'C' })
	return name, hasValue, ok
}

// readsOutside reports whether flags may refer to files outside the module, whose state a stamp does not record.
func readsOutside(flags []string) bool {
	return slices.ContainsFunc(flags, func(flag string) bool {
		name, _, _ := flagName(flag)
		return slices.Contains(externalFlags, name)
	})
}
