package process

import (
	"os"
	"slices"
	"strings"
)

// Allowed are names of environment variables that a child may inherit. A name that ends in *
// matches any suffix. Case is ignored: Windows ignores it, and proxy variables are spelled both
// ways.
type Allowed []string

// Basic contains the variables that programs need to find their libraries, their files and their
// user. None of them contains a secret.
var Basic = Allowed{
	"PATH", "PATHEXT", "HOME", "USER", "LOGNAME",
	"TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
	// Windows programs do not start without these.
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "USERPROFILE",
	"APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)",
}

// And returns a list of a and more names.
func (a Allowed) And(more ...string) Allowed { return slices.Concat(a, more) }

// Has reports whether a child may inherit the variable.
func (a Allowed) Has(name string) bool {
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(a, func(allowed string) bool {
		family, isFamily := strings.CutSuffix(allowed, "*")
		return upper == allowed || isFamily && strings.HasPrefix(upper, family)
	})
}

// Of returns the entries of environ, a list like os.Environ, that a child may inherit.
func (a Allowed) Of(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !a.Has(name)
	})
}

// Withhold removes variables from this process's environment, so that no child inherits them, even
// if a library starts it. It returns a function like os.LookupEnv that still finds them.
func Withhold(names ...string) (lookup func(string) (string, bool)) {
	withheld := map[string]string{}
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			withheld[name] = value
			_ = os.Unsetenv(name) // fails only for an empty name
		}
	}
	return func(name string) (string, bool) {
		if value, ok := withheld[name]; ok {
			return value, true
		}
		return os.LookupEnv(name)
	}
}
