package catalog

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// executables are the first bytes of the formats that buildinfo reads: ELF, PE and Mach-O.
var executables = [][]byte{
	[]byte("\x7fELF"), []byte("MZ"),
	[]byte("\xfe\xed\xfa\xce"), []byte("\xfe\xed\xfa\xcf"), []byte("\xce\xfa\xed\xfe"), []byte("\xcf\xfa\xed\xfe"), []byte("\xca\xfe\xba\xbe"),
}

// goBuild returns the build info of a Go program, or nil.
func (r *fileReader) goBuild(size int64) (*Facts, error) {
	head, err := r.head.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, magic := range executables {
		if bytes.HasPrefix(head, magic) {
			content, err := r.spool.fill(r.head, size)
			if err != nil {
				return nil, err
			}
			if build := readGoBuild(content); build != nil {
				return &Facts{Go: build}, nil
			}
			return nil, nil
		}
	}
	return nil, nil
}

// readGoBuild returns nil if content is not a Go program.
func readGoBuild(content io.ReaderAt) (build *GoBuild) {
	// The packages debug/elf and debug/pe are not hardened against hostile files.
	defer func() {
		if recover() != nil {
			build = nil
		}
	}()
	info, err := buildinfo.Read(content)
	if err != nil {
		return nil
	}
	return goBuildOf(info)
}

func goBuildOf(info *debug.BuildInfo) *GoBuild {
	// The version may be followed by experiments: go1.26.3 X:nodwarf5.
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	b := &GoBuild{GoVersion: version, Path: info.Path, Main: Module{Path: info.Main.Path, Version: info.Main.Version, Sum: info.Main.Sum}}
	if b.Main.Version == "" || b.Main.Version == "(devel)" {
		b.Main.Version = versionOf(info.Settings)
	}
	for _, m := range info.Deps {
		// A replacement by a folder has no version. The code refers to the replaced module.
		if m.Replace != nil && m.Replace.Version != "" {
			m = m.Replace
		}
		b.Modules = append(b.Modules, Module{m.Path, m.Version, m.Sum})
	}
	return b
}

// linkedVersion matches -X importpath.version=v1.2.3 in the linker's flags. Only values that have the form of a version
// match, since other variables may contain secrets.
var linkedVersion = regexp.MustCompile(`-X[= ]+['"]?[^\s='"]*\.(?i:version|gitversion|buildversion)=['"]?(v?[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)(?:['"\s]|$)`)

// versionOf returns a version for a main module whose version Go did not know: the version that was linked, or else a
// pseudo-version of the commit (https://go.dev/ref/mod#pseudo-versions), or else "".
func versionOf(settings []debug.BuildSetting) string {
	values := map[string]string{}
	for _, s := range settings {
		values[s.Key] = s.Value
	}
	if m := linkedVersion.FindStringSubmatch(values["-ldflags"]); m != nil {
		return m[1]
	}
	at, err := time.Parse(time.RFC3339, values["vcs.time"])
	revision := values["vcs.revision"]
	if err != nil || len(revision) < 12 {
		return ""
	}
	return fmt.Sprintf("v0.0.0-%s-%s", at.UTC().Format("20060102150405"), revision[:12])
}
