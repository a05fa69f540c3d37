package catalog

import (
	"bufio"
	"errors"
	"io"
)

// Limits of text files, in bytes: the length of a line, and what is kept of one file. The facts of a layer are at most
// maxLayer bytes. The databases of real distributions have at most some 10 MB.
const (
	maxLine  = 1 << 20
	maxText  = 32 << 20
	maxLayer = 512 << 20
)

// stringSize and packageSize are what a string and a Package need in memory beside their text, in bytes.
const (
	stringSize  = 16
	packageSize = 256
)

// errTooMuch is the problem of a file of which not everything is kept.
var errTooMuch = errors.New("it describes more software than is read: the rest is missing")

// A text reads the lines of a text file, until more is kept of it than maxText.
type text struct {
	*bufio.Scanner
	left int
}

func lines(r io.Reader) *text {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	return &text{s, maxText}
}

// keep counts n bytes that may be kept of the file.
func (t *text) keep(n int) { t.left -= n }

// Scan advances to the next line.
func (t *text) Scan() bool { return t.left >= 0 && t.Scanner.Scan() }

// Err returns the first error.
func (t *text) Err() error {
	if t.left < 0 {
		return errTooMuch
	}
	return t.Scanner.Err()
}

// size returns about how many bytes f needs in memory.
func (f *Facts) size() int {
	n := textSize(f.Paths...) + textSize(f.Licences...) + textSize(f.Problem)
	for i := range f.Packages {
		p := &f.Packages[i]
		n += packageSize + len(p.Name) + len(p.Version) + len(p.Arch) + len(p.Source) + len(p.Licence) + len(p.Supplier) +
			len(p.Summary) + len(p.Homepage) + textSize(p.Files...)
	}
	if b := f.Go; b != nil {
		n += textSize(b.Path, b.Main.Path, b.Main.Version)
		for _, m := range b.Modules {
			n += textSize(m.Path, m.Version, m.Sum)
		}
	}
	if f.OS != nil {
		n += textSize(f.OS.ID, f.OS.VersionID, f.OS.PrettyName, f.OS.CPE)
	}
	return n
}

func textSize(texts ...string) int {
	n := stringSize * len(texts)
	for _, t := range texts {
		n += len(t)
	}
	return n
}
