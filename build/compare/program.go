package compare

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/regular"
)

// A binaryFile is a program: ELF, PE or Mach-O.
type binaryFile struct {
	*os.File
	info     *debug.BuildInfo // nil for programs that Go has not built
	buildID  string
	sections []sectionOf
	named    map[string]int // number of sections by name
	peTime   *time.Time
}

// A sectionOf is a section of a program.
type sectionOf struct {
	name         string
	offset, size int64
}

// programs compares two programs: how Go has built them, and which sections differ.
func (r *run) programs(path []string, first, second string) error {
	a, err := openProgram(first)
	if err != nil {
		return r.damaged("first", err)
	}
	defer a.Close()
	b, err := openProgram(second)
	if err != nil {
		return r.damaged("second", err)
	}
	defer b.Close()
	var words []string
	if a.buildID != b.buildID {
		words = append(words, "build ID differs"+buildIDWords(a.buildID, b.buildID))
	}
	words = append(words, buildInfoWords(a.info, b.info)...)
	if a.peTime != nil && b.peTime != nil && !a.peTime.Equal(*b.peTime) {
		words = append(words, fmt.Sprintf("time in the PE header differs: %s and %s", clock(*a.peTime), clock(*b.peTime)))
	}
	if len(words) > 0 {
		r.say(path, "%s", strings.Join(words, "; "))
	}
	return r.sections(path, a, b)
}

// buildIDWords says which part of Go's build ID differs (cmd/go/internal/work/buildid.go): the first is of the inputs of the
// link, the last of its output.
func buildIDWords(a, b string) string {
	partsA, partsB := strings.Split(a, "/"), strings.Split(b, "/")
	switch {
	case a == "" || b == "":
		return ": only one has one (-ldflags=-buildid=)"
	case len(partsA) != 4 || len(partsB) != 4:
		return fmt.Sprintf(": %q and %q", a, b)
	case partsA[0] == partsB[0]:
		return ": the inputs of the linker were the same, and its output was not"
	}
	return ": the inputs of the linker differ (flags, sources or toolchain)"
}

// buildInfoWords says how the records of two builds differ, and what both lack.
func buildInfoWords(a, b *debug.BuildInfo) (words []string) {
	if a == nil || b == nil {
		if a != b {
			words = append(words, "only one was built by Go, or has a record of its build")
		}
		return words
	}
	differ := func(what, x, y string) {
		if x != y {
			words = append(words, fmt.Sprintf("%s: %s and %s", what, orNone(x), orNone(y)))
		}
	}
	differ("Go version", a.GoVersion, b.GoVersion)
	differ("main module", a.Main.Path+"@"+a.Main.Version, b.Main.Path+"@"+b.Main.Version)
	settingsA, settingsB := settingsOf(a), settingsOf(b)
	for _, key := range sortedKeys(union(settingsA, settingsB)) {
		if key != "-trimpath" {
			differ(key, settingsA[key], settingsB[key])
		}
	}
	switch trimmedA, trimmedB := settingsA["-trimpath"] == "true", settingsB["-trimpath"] == "true"; {
	case !trimmedA && !trimmedB:
		words = append(words, "-trimpath is missing, so that the paths of the build machine are part of it")
	case !trimmedA:
		words = append(words, "-trimpath is missing in the first")
	case !trimmedB:
		words = append(words, "-trimpath is missing in the second")
	}
	versionsA, versionsB := modulesOf(a), modulesOf(b)
	for _, module := range sortedKeys(union(versionsA, versionsB)) {
		differ("module "+module, versionsA[module], versionsB[module])
	}
	return words
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func settingsOf(info *debug.BuildInfo) map[string]string {
	out := map[string]string{}
	for _, s := range info.Settings {
		out[s.Key] = s.Value
	}
	return out
}

func modulesOf(info *debug.BuildInfo) map[string]string {
	out := map[string]string{}
	for _, m := range info.Deps {
		out[m.Path] = m.Version
		if m.Replace != nil {
			out[m.Path] = m.Replace.Path + "@" + m.Replace.Version
		}
	}
	return out
}

const (
	// maxSections is the number of sections that are listed if nothing tells which ones matter.
	maxSections = 5
	// maxAllSections is the number of sections of a program, as an ELF header counts them.
	maxAllSections = 1 << 16
)

// sections says which sections differ, and where first.
func (r *run) sections(path []string, a, b *binaryFile) error {
	inB := map[string]sectionOf{}
	for _, s := range b.sections {
		inB[s.name] = s
	}
	infoA, err := a.Stat()
	if err != nil {
		return err
	}
	infoB, err := b.Stat()
	if err != nil {
		return err
	}
	content := excess{Comparer: r.Comparer, size: infoA.Size() + infoB.Size()}
	var said, explained []string
	for _, x := range a.sections {
		y, ok := inB[x.name]
		if !ok {
			r.say(path, "only the first has the section %s", x.name)
			continue
		}
		delete(inB, x.name)
		if err := content.add(min(x.size, infoA.Size()) + min(y.size, infoB.Size())); err != nil {
			return err
		}
		s, err := r.compareStreams(section(a, x.offset, x.size), section(b, y.offset, y.size))
		if err != nil {
			return err
		}
		if s.first < 0 || strings.HasSuffix(x.name, "buildid") || strings.HasSuffix(x.name, "build-id") {
			continue
		}
		described, cause := r.describe(s, "section "+x.name)
		said = append(said, described+cause)
		if cause != "" {
			explained = append(explained, described+cause)
		}
	}
	listed := said[:min(len(said), maxSections)]
	if len(explained) > 0 {
		listed = explained
	}
	for _, text := range listed {
		r.say(path, "%s", text)
	}
	if more := len(said) - len(listed); more > 0 {
		r.say(path, "%d more sections differ", more)
	}
	for _, name := range sortedKeys(inB) {
		r.say(path, "only the second has the section %s", name)
	}
	return nil
}

func openProgram(file string) (_ *binaryFile, err error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	p := &binaryFile{File: f, named: map[string]int{}}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil {
		return nil, err
	}
	switch {
	case string(magic) == elf.ELFMAG:
		x, err := elf.NewFile(f)
		if err != nil {
			return nil, err
		}
		for _, s := range x.Sections {
			if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL {
				p.add(s.Name, int64(s.Offset), int64(s.FileSize))
			}
		}
	case string(magic[:2]) == "MZ":
		x, err := pe.NewFile(f)
		if err != nil {
			return nil, err
		}
		stamp := time.Unix(int64(x.TimeDateStamp), 0)
		p.peTime = &stamp
		for _, s := range x.Sections {
			p.add(s.Name, int64(s.Offset), int64(s.Size))
		}
	default:
		x, err := macho.NewFile(f)
		if err != nil {
			return nil, err
		}
		for _, s := range x.Sections {
			p.add(s.Name, int64(s.Offset), int64(s.Size))
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.info, err = buildinfo.Read(f); err != nil {
		p.info = nil // not built by Go
	}
	if p.buildID, err = goBuildID(f); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *binaryFile) add(name string, offset, size int64) {
	p.named[name]++
	if n := p.named[name]; n > 1 {
		name = fmt.Sprintf("%s (number %d)", name, n)
	}
	p.sections = append(p.sections, sectionOf{name, offset, size})
}

// check reports too many sections.
func (p *binaryFile) check() error {
	if n := len(p.sections); n > maxAllSections {
		return fmt.Errorf("it has %d sections, and the limit is %d", n, maxAllSections)
	}
	return nil
}

// goBuildID returns Go's build ID, which is near the start of a program (cmd/internal/buildid): in a note of an ELF file,
// else in a text. Programs that Go has not built have none.
func goBuildID(f io.ReaderAt) (string, error) {
	start := make([]byte, 64<<10)
	n, err := f.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	start = start[:n]
	if _, after, ok := bytes.Cut(start, []byte("\xff Go build ID: \"")); ok {
		id, _, ok := bytes.Cut(after, []byte("\"\n \xff"))
		if ok {
			return string(id), nil
		}
	}
	// The name Go, padded to 4 bytes, and before it the sizes of name and value, and the type 4.
	if before, after, ok := bytes.Cut(start, []byte("\x04\x00\x00\x00Go\x00\x00")); ok && len(before) >= 4 {
		size := int(before[len(before)-4]) | int(before[len(before)-3])<<8
		if size <= len(after) {
			return string(after[:size]), nil
		}
	}
	return "", nil
}
