package compare

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// zips compares two zips.
func (r *run) zips(path []string, first, second string) error {
	a, closeA, err := openZip(first)
	if err != nil {
		return r.damaged("first", err)
	}
	defer closeA()
	b, closeB, err := openZip(second)
	if err != nil {
		return r.damaged("second", err)
	}
	defer closeB()
	inB := map[string]*zip.File{}
	var namesA, namesB []string
	for _, f := range b.File {
		inB[f.Name] = f
		namesB = append(namesB, f.Name)
	}
	differing, encoded := map[string]bool{}, []string{}
	for _, f := range a.File {
		namesA = append(namesA, f.Name)
	}
	r.sayMissing(path, namesA, namesB)
	if a.Comment != b.Comment {
		r.say(path, "comment differs: %q and %q", a.Comment, b.Comment)
	}
	for _, x := range a.File {
		y := inB[x.Name]
		if y == nil {
			continue
		}
		if way := zipHeaders(x, y); way != "" {
			r.say(append(path, x.Name), "%s", way)
		}
		if x.CRC32 != y.CRC32 || x.UncompressedSize64 != y.UncompressedSize64 {
			differing[x.Name] = true
		} else if x.Method == y.Method && x.CompressedSize64 != y.CompressedSize64 {
			encoded = append(encoded, x.Name)
		}
	}
	if len(encoded) > 0 {
		r.say(path, "the compressed sizes of %d members differ, such as %s: another level or another version of the encoder compressed them", len(encoded), encoded[0])
	}
	each := func(files []*zip.File) func(func(string, io.Reader) error) error {
		return func(see func(string, io.Reader) error) error {
			for _, f := range files {
				if !differing[f.Name] {
					continue
				}
				content, err := f.Open()
				if err != nil {
					return fmt.Errorf("member %s: %w", f.Name, err)
				}
				err = see(f.Name, content)
				content.Close()
				if err != nil {
					return fmt.Errorf("member %s: %w", f.Name, err)
				}
			}
			return nil
		}
	}
	return r.members(path, differing, each(a.File), each(b.File))
}

func openZip(file string) (*zip.Reader, func() error, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	z, err := zip.NewReader(f, info.Size())
	if err == nil && len(z.File) > maxEntries {
		err = fmt.Errorf("it has %d members, and the limit is %d", len(z.File), maxEntries)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return z, f.Close, nil
}

// zipHeaders says how two headers differ, or nothing.
func zipHeaders(a, b *zip.File) string {
	var out []string
	differ := func(what string, x, y any) {
		if fmt.Sprint(x) != fmt.Sprint(y) {
			out = append(out, fmt.Sprintf("%s differs: %v and %v", what, x, y))
		}
	}
	if modeA, modeB := a.Mode(), b.Mode(); modeA != modeB {
		way := fmt.Sprintf("mode differs: %v and %v", modeA, modeB)
		if (modeA^modeB)&^0o077 == 0 {
			way += "; this looks like the umask"
		}
		out = append(out, way)
	}
	if !a.Modified.Equal(b.Modified) {
		differ("modification time", clock(a.Modified), clock(b.Modified))
	} else if !bytes.Equal(a.Extra, b.Extra) {
		differ("extra field", fmt.Sprintf("%x", a.Extra), fmt.Sprintf("%x", b.Extra))
	}
	differ("compression method", a.Method, b.Method)
	differ("creator version", a.CreatorVersion, b.CreatorVersion)
	differ("comment", a.Comment, b.Comment)
	return strings.Join(out, "; ")
}
