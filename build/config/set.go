package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/suggest"
)

// override reads texts NAME=VALUE, which replace the values of declared variables. Of two with the same name, the last
// counts.
func (v *variables) override(set []string) {
	v.set = map[string]string{}
	declared := slices.Sorted(maps.Keys(v.declared))
	for _, text := range set {
		at := Position{File: "--set " + text}
		name, value, ok := strings.Cut(text, "=")
		_, known := v.declared[name]
		switch {
		case !ok || name == "":
			v.problems.add(at, "want NAME=VALUE")
		case known:
			v.set[name] = value
		case slices.Contains([]string{"TAG", "REGISTRY", "REPO"}, name):
			v.problems.add(at, "%s is set in the environment: %s slipway …", name, text)
		case slices.Contains(releaseVariables, name), slices.Contains(platformVariables(), name):
			v.problems.add(at, "%s is built in and cannot be set", name)
		case len(declared) == 0:
			v.problems.add(at, "unknown variable %s: vars of %s declares none", name, v.file)
		default:
			v.problems.add(at, "unknown variable %s%s: vars of %s declares %s", name, suggest.DidYouMean(name, declared), v.file, strings.Join(declared, ", "))
		}
	}
}
