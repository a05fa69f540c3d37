package proof

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// A GoBinary is what a Go binary says of its own build.
type GoBinary struct {
	Toolchain string            `json:"toolchain"`
	Settings  map[string]string `json:"settings,omitempty"`
	// Dependencies are the standard library and the modules.
	Dependencies []Dependency `json:"-"`
}

// settings are the settings of a build that Slipway decides. Others contain flags, which the plan has, or the state of
// the checkout.
var settings = []string{"-buildmode", "-compiler", "-race", "-trimpath", "CGO_ENABLED", "GOARCH", "GOOS", "GO386", "GOAMD64", "GOARM", "GOARM64",
	"GOEXPERIMENT", "GOFIPS140", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM", "DefaultGODEBUG"}

// ReadGoBinary reads the build info of a file. ok is false if it has none, as a program in another language.
func ReadGoBinary(file string) (binary GoBinary, ok bool) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return GoBinary{}, false
	}
	return goBinary(info), true
}

func goBinary(info *buildinfo.BuildInfo) GoBinary {
	binary := GoBinary{Toolchain: info.GoVersion, Settings: map[string]string{}}
	for _, s := range info.Settings {
		if slices.Contains(settings, s.Key) {
			binary.Settings[s.Key] = s.Value
		}
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	binary.Dependencies = []Dependency{{URI: "pkg:golang/stdlib@" + version}}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Version != "" {
			m = m.Replace
		}
		d := Dependency{URI: "pkg:golang/" + m.Path}
		// A module that a folder replaces has neither version nor sum.
		if m.Replace == nil && m.Version != "" {
			d.URI += "@" + strings.ReplaceAll(m.Version, "+", "%2B") // as the specification of package URLs wants it
		}
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == 32 && m.Replace == nil {
			d.Digest = map[string]string{"dirHash": hex.EncodeToString(sum)}
		}
		binary.Dependencies = append(binary.Dependencies, d)
	}
	return binary
}
