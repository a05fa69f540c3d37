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
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// MaxParts is how many parts a file may have: their numbers have three digits, so
// that a shell joins them in order.
const MaxParts = 999

// ChecksumsSuffix names the file of digests of a file in parts. It may not begin
// with .part: a shell that joins NAME.part* would join it too.
const ChecksumsSuffix = ".sha256"

var partName = regexp.MustCompile(`^(.+)\.part([0-9]{3})$`)

// PartOf says of which file one with this name is a part, and which.
func PartOf(name string) (whole string, number int, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(m[2])
	return m[1], number, err == nil
}

func PartPath(whole string, number int) string { return fmt.Sprintf("%s.part%03d", whole, number) }

// WholeOf says which file a path stands for, if it is that of a part, or if there
// are parts alone under it.
func WholeOf(path string) (string, bool) {
	if whole, _, ok := PartOf(path); ok {
		return whole, true
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	numbers, err := PartsOf(path)
	return path, err == nil && len(numbers) > 0
}

// PartsOf returns the numbers of a file's parts that are there, in order.
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

// A File is read as one file, whether it lies in one or in parts.
type File struct {
	// name is that of the whole, which is not there if it lies in parts.
	Name  string
	Files []*os.File
	// ends says where in the whole each of files ends.
	ends []int64
	read atomic.Int64 // see bytesRead
}

// OpenFile opens a file, or the parts of it. The path is that of the file or of
// any part.
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
		w.Files = append(w.Files, f)
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

// checkNumbers finds parts that are missing. How many there should be is known if
// the file of digests is there.
func checkNumbers(whole string, numbers []int) error {
	listed, err := ReadPartSums(whole)
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

// checkSizes finds parts that were cut off: all but the last are of one size.
func (w *File) checkSizes() error {
	for i := range len(w.Files) - 1 {
		size := w.ends[i]
		if i > 0 {
			size -= w.ends[i-1]
		}
		if size != w.ends[0] {
			return fmt.Errorf("part %s has %d bytes, and %s has %d: one was cut off, or they are of different files",
				filepath.Base(w.Files[i].Name()), size, filepath.Base(w.Files[0].Name()), w.ends[0])
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

// BytesRead returns the number of bytes that ReadAt has returned. Tests prove by it that
// no frame of an archive of many images is decompressed many times.
func (w *File) BytesRead() int64 { return w.read.Load() }

// ReadAt reads across the ends of parts (io.ReaderAt).
func (w *File) ReadAt(p []byte, offset int64) (n int, err error) {
	defer func() { w.read.Add(int64(n)) }()
	if len(w.Files) == 1 {
		return w.Files[0].ReadAt(p, offset)
	}
	if offset < 0 {
		return 0, errors.New("reading at a negative offset")
	}
	i, _ := slices.BinarySearch(w.ends, offset+1)
	for ; i < len(w.Files) && n < len(p); i++ {
		begin := int64(0)
		if i > 0 {
			begin = w.ends[i-1]
		}
		want := p[n:min(int64(len(p)), int64(n)+w.ends[i]-offset)]
		got, err := w.Files[i].ReadAt(want, offset-begin)
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

// Close closes all files.
func (w *File) Close() error {
	var errs []error
	for _, f := range w.Files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// ReadPartSums returns the digests of a file's parts, in hex, as they stand in the
// file that the split wrote. It returns none if there is no such file, or if it
// lists no parts.
func ReadPartSums(whole string) ([]string, error) {
	path := whole + ChecksumsSuffix
	raw, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading checksums %s: %w", path, fileop.WithoutPath(err))
	}
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

// readSmall reads a file that has no more than the digests of all parts.
func readSmall(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 1 << 20
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(raw) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return raw, err
}

// Files are the files that an archive lies in: itself, or its parts in order and
// then the file of their digests, if it is there. None is an error that wraps
// fs.ErrNotExist.
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

// Whole is the archive that a file of Files belongs to, going by its name.
func Whole(path string) string {
	if whole, _, ok := PartOf(path); ok {
		return whole
	}
	if whole, ok := strings.CutSuffix(path, ChecksumsSuffix); ok {
		return whole
	}
	return path
}

// RemoveParts removes what is left of an earlier split of a file: all parts after
// the first keep ones, and their digests if none are kept.
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
