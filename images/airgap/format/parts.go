package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/ranges"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// MaxParts is the largest number of parts. Part numbers have three digits, so that a shell
// joins NAME.part* in order.
const MaxParts = 999

// ChecksumsSuffix ends the name of the file with the digests of all parts and of the whole, as
// sha256sum writes them. It does not begin with .part, so that NAME.part* does not match it.
const ChecksumsSuffix = ".sha256"

var partName = regexp.MustCompile(`^(.+)\.part([0-9]{3})$`)

// PartOf returns, for the name of a part, the name of the whole and the number of the part,
// from 1 on.
func PartOf(name string) (whole string, number int, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(m[2])
	return m[1], number, err == nil
}

func PartPath(whole string, number int) string { return fmt.Sprintf("%s.part%03d", whole, number) }

// WholeOf returns the path of the whole if path is that of a part, or if a file at path does not
// exist and parts of it do. It does not ask web servers.
func WholeOf(path string) (string, bool) {
	if whole, _, ok := PartOf(path); ok {
		return whole, true
	}
	if ranges.IsURL(path) {
		return "", false
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	numbers, err := PartsOf(path)
	return path, err == nil && len(numbers) > 0
}

// PartsOf returns the numbers of the parts of a file that exist, in order.
func PartsOf(whole string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(whole))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if name, n, ok := PartOf(e.Name()); ok && name == filepath.Base(whole) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// A File is an archive, or any other file, that is one file or is split into parts. It is on disk or on a web server.
type File struct {
	// Name is the path of the whole, which does not exist if the file is split, or its URL without secrets.
	Name string
	// Files are the file or its parts on disk.
	Files []*os.File
	// parts are Files, or the files of a web server.
	parts []part
	// ends are the offsets in the whole at which each of parts ends.
	ends []int64
	// sums are the digests of the parts on a web server.
	sums   []string
	stored string                // see StoredName
	failed atomic.Pointer[error] // see Err
	read   atomic.Int64          // see bytesRead
}

// A part is a File that is not split, or a part of one.
type part interface {
	io.ReaderAt
	io.Closer
	Name() string
}

// OpenFile opens the file at path, or its parts. path may also be that of one part. Parts that
// are missing or cut off are an error.
func OpenFile(path string) (*File, error) {
	whole, ok := WholeOf(path)
	if !ok {
		return openFiles(path, []string{path})
	}
	numbers, err := PartsOf(whole)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err := checkNumbers(whole, numbers); err != nil {
		return nil, err
	}
	var paths []string
	for _, n := range numbers {
		paths = append(paths, PartPath(whole, n))
	}
	w, err := openFiles(whole, paths)
	if err != nil {
		return nil, err
	}
	if err := w.checkSizes(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func openFiles(name string, paths []string) (*File, error) {
	w := &File{Name: name}
	for _, path := range paths {
		f, err := regular.Open(path)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.Files, w.parts = append(w.Files, f), append(w.parts, f)
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = errors.New("it is a folder")
		}
		if err != nil {
			w.Close()
			return nil, err
		}
		w.ends = append(w.ends, w.Size()+info.Size())
	}
	return w, nil
}

// checkNumbers returns an error if parts are missing. The file of digests states how many there
// should be, if it exists.
func checkNumbers(whole string, numbers []int) error {
	listed, err := readPartSums(whole)
	if err != nil {
		return err
	}
	last := numbers[len(numbers)-1]
	if len(listed) > 0 && last > len(listed) {
		return fmt.Errorf("%s is not one of its parts: %s lists %d; remove what another split left behind", filepath.Base(PartPath(whole, last)),
			filepath.Base(whole)+ChecksumsSuffix, len(listed))
	}
	var missing []string
	for n := 1; n <= max(last, len(listed)); n++ {
		if _, ok := slices.BinarySearch(numbers, n); !ok {
			missing = append(missing, filepath.Base(PartPath(whole, n)))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("of its %d parts, these are missing: %s", max(last, len(listed)), strings.Join(missing, ", "))
	}
	return nil
}

// checkSizes returns an error if parts differ in size. Only the last one may be smaller.
func (w *File) checkSizes() error {
	for i := range len(w.parts) - 1 {
		size := w.ends[i]
		if i > 0 {
			size -= w.ends[i-1]
		}
		if size != w.ends[0] {
			return fmt.Errorf("part %s has %d bytes, and %s has %d: one was cut off, or they are of different files",
				filepath.Base(w.parts[i].Name()), size, filepath.Base(w.parts[0].Name()), w.ends[0])
		}
	}
	return nil
}

func (w *File) Size() int64 {
	if len(w.ends) == 0 {
		return 0
	}
	return w.ends[len(w.ends)-1]
}

// BytesRead returns the number of bytes that ReadAt has returned. Tests use it to show that no
// frame is decompressed many times.
func (w *File) BytesRead() int64 { return w.read.Load() }

// ReadAt reads at an offset of the whole (io.ReaderAt).
func (w *File) ReadAt(p []byte, offset int64) (n int, err error) {
	defer func() {
		w.read.Add(int64(n))
		if err != nil && err != io.EOF {
			w.failed.CompareAndSwap(nil, &err)
		}
	}()
	if len(w.parts) == 1 {
		return w.parts[0].ReadAt(p, offset)
	}
	if offset < 0 {
		return 0, errors.New("reading at a negative offset")
	}
	i, _ := slices.BinarySearch(w.ends, offset+1)
	for ; i < len(w.parts) && n < len(p); i++ {
		begin := int64(0)
		if i > 0 {
			begin = w.ends[i-1]
		}
		want := p[n:min(int64(len(p)), int64(n)+w.ends[i]-offset)]
		got, err := w.parts[i].ReadAt(want, offset-begin)
		n, offset = n+got, offset+int64(got)
		if got < len(want) {
			return n, streams.NoEOF(err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Err returns the first error of reading the file other than its end, or nil. What a file that cannot be read says of its
// content is nothing.
func (w *File) Err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close closes the file, or all parts.
func (w *File) Close() error {
	var errs []error
	for _, f := range w.parts {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// IsSplit reports whether the file is in parts.
func (w *File) IsSplit() bool { return len(w.parts) != 1 || w.parts[0].Name() != w.Name }

// Parts returns a reader of each part, and its base name.
func (w *File) Parts() (parts []*io.SectionReader, names []string) {
	begin := int64(0)
	for i, p := range w.parts {
		parts = append(parts, io.NewSectionReader(p, 0, w.ends[i]-begin))
		names = append(names, filepath.Base(p.Name()))
		begin = w.ends[i]
	}
	return parts, names
}

// PartSums returns the SHA-256 of each part, in hex, from the file of digests. It returns none if there is no such file,
// or if it does not list parts.
func (w *File) PartSums() ([]string, error) {
	if len(w.Files) == 0 {
		return w.sums, nil
	}
	return readPartSums(w.Name)
}

// readPartSums returns the SHA-256 of each part of a file, in hex, from the file of digests. It
// returns none if there is no such file, or if it does not list parts.
func readPartSums(whole string) ([]string, error) {
	path := whole + ChecksumsSuffix
	raw, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading checksums %s: %w", path, fileop.WithoutPath(err))
	}
	return parsePartSums(raw, whole)
}

// parsePartSums reads the digests of the parts of a file.
func parsePartSums(raw []byte, whole string) ([]string, error) {
	path := whole + ChecksumsSuffix
	text, err := sniff.Text(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading checksums %s: %w", path, err)
	}
	var sums []string
	lines := bufio.NewScanner(text)
	for line := 1; lines.Scan(); line++ {
		sum, name, _ := strings.Cut(lines.Text(), " ")
		// The character before the name is a space for text and an asterisk for
		// binary, which are the same.
		name = strings.TrimLeft(name, " *")
		if of, n, ok := PartOf(name); ok && of == filepath.Base(whole) {
			if n != len(sums)+1 || !IsHexDigest(sum) {
				return nil, fmt.Errorf("%s:%d: want the SHA-256 of %s", path, line, filepath.Base(PartPath(whole, len(sums)+1)))
			}
			sums = append(sums, sum)
		}
	}
	return sums, lines.Err()
}

// maxChecksums has room for the digests of all parts, in bytes.
const maxChecksums = 1 << 20

// readSmall reads a file of at most maxChecksums bytes.
func readSmall(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxChecksums+1))
	if err == nil && len(raw) > maxChecksums {
		err = fmt.Errorf("it has more than %d bytes", maxChecksums)
	}
	return raw, err
}

// Files returns the paths of the files of an archive: the archive, or its parts in order and
// then the file of digests, if it exists. An error that wraps fs.ErrNotExist says that there is
// neither.
func Files(path string) ([]string, error) {
	whole, ok := WholeOf(path)
	if !ok {
		_, err := os.Stat(path)
		return []string{path}, err
	}
	numbers, err := PartsOf(whole)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, n := range numbers {
		files = append(files, PartPath(whole, n))
	}
	if _, err := os.Stat(whole + ChecksumsSuffix); err == nil {
		files = append(files, whole+ChecksumsSuffix)
	}
	return files, nil
}

// Whole returns the path of the archive that one of Files belongs to, by its name.
func Whole(path string) string {
	if whole, _, ok := PartOf(path); ok {
		return whole
	}
	if whole, ok := strings.CutSuffix(path, ChecksumsSuffix); ok {
		return whole
	}
	return path
}

// RemoveParts removes the parts of a file with numbers over keep. If keep is 0 and there were
// parts, it also removes the file of digests.
func RemoveParts(whole string, keep int) error {
	numbers, err := PartsOf(whole)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > keep {
			if err := fileop.RemoveIfThere(PartPath(whole, n)); err != nil {
				return err
			}
		}
	}
	if len(numbers) == 0 || keep > 0 {
		return nil
	}
	return fileop.RemoveIfThere(whole + ChecksumsSuffix)
}
