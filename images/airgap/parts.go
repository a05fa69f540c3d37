package airgap

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

// maxParts is how many parts a file may have: their numbers have three digits, so
// that a shell joins them in order.
const maxParts = 999

// checksumsSuffix names the file of digests of a file in parts. It may not begin
// with .part: a shell that joins NAME.part* would join it too.
const checksumsSuffix = ".sha256"

var partName = regexp.MustCompile(`^(.+)\.part([0-9]{3})$`)

// partOf says of which file one with this name is a part, and which.
func partOf(name string) (whole string, number int, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(m[2])
	return m[1], number, err == nil
}

func partPath(whole string, number int) string { return fmt.Sprintf("%s.part%03d", whole, number) }

// wholeOf says which file a path stands for, if it is that of a part, or if there
// are parts alone under it.
func wholeOf(path string) (string, bool) {
	if whole, _, ok := partOf(path); ok {
		return whole, true
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	numbers, err := partsOf(path)
	return path, err == nil && len(numbers) > 0
}

// partsOf returns the numbers of a file's parts that are there, in order.
func partsOf(whole string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(whole))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if name, n, ok := partOf(e.Name()); ok && name == filepath.Base(whole) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// A wholeFile is read as one file, whether it lies in one or in parts.
type wholeFile struct {
	// name is that of the whole, which is not there if it lies in parts.
	name  string
	files []*os.File
	// ends says where in the whole each of files ends.
	ends []int64
	read atomic.Int64 // see bytesRead
}

// openWhole opens a file, or the parts of it. The path is that of the file or of
// any part.
func openWhole(path string) (*wholeFile, error) {
	whole, ok := wholeOf(path)
	if !ok {
		return openFiles(path, []string{path})
	}
	numbers, err := partsOf(whole)
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
		paths = append(paths, partPath(whole, n))
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

func openFiles(name string, paths []string) (*wholeFile, error) {
	w := &wholeFile{name: name}
	for _, path := range paths {
		f, err := regular.Open(path)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.files = append(w.files, f)
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = errors.New("it is a folder")
		}
		if err != nil {
			w.Close()
			return nil, err
		}
		w.ends = append(w.ends, w.size()+info.Size())
	}
	return w, nil
}

// checkNumbers finds parts that are missing. How many there should be is known if
// the file of digests is there.
func checkNumbers(whole string, numbers []int) error {
	listed, err := readPartSums(whole)
	if err != nil {
		return err
	}
	last := numbers[len(numbers)-1]
	if len(listed) > 0 && last > len(listed) {
		return fmt.Errorf("%s is not one of its parts: %s lists %d; remove what another split left behind", filepath.Base(partPath(whole, last)),
			filepath.Base(whole)+checksumsSuffix, len(listed))
	}
	var missing []string
	for n := 1; n <= max(last, len(listed)); n++ {
		if _, ok := slices.BinarySearch(numbers, n); !ok {
			missing = append(missing, filepath.Base(partPath(whole, n)))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("of its %d parts, these are missing: %s", max(last, len(listed)), strings.Join(missing, ", "))
	}
	return nil
}

// checkSizes finds parts that were cut off: all but the last are of one size.
func (w *wholeFile) checkSizes() error {
	for i := range len(w.files) - 1 {
		size := w.ends[i]
		if i > 0 {
			size -= w.ends[i-1]
		}
		if size != w.ends[0] {
			return fmt.Errorf("part %s has %d bytes, and %s has %d: one was cut off, or they are of different files",
				filepath.Base(w.files[i].Name()), size, filepath.Base(w.files[0].Name()), w.ends[0])
		}
	}
	return nil
}

func (w *wholeFile) size() int64 {
	if len(w.ends) == 0 {
		return 0
	}
	return w.ends[len(w.ends)-1]
}

// bytesRead returns the number of bytes that ReadAt has returned. Tests prove by it that
// no frame of an archive of many images is decompressed many times.
func (w *wholeFile) bytesRead() int64 { return w.read.Load() }

// ReadAt reads across the ends of parts (io.ReaderAt).
func (w *wholeFile) ReadAt(p []byte, offset int64) (n int, err error) {
	defer func() { w.read.Add(int64(n)) }()
	if len(w.files) == 1 {
		return w.files[0].ReadAt(p, offset)
	}
	if offset < 0 {
		return 0, errors.New("reading at a negative offset")
	}
	i, _ := slices.BinarySearch(w.ends, offset+1)
	for ; i < len(w.files) && n < len(p); i++ {
		begin := int64(0)
		if i > 0 {
			begin = w.ends[i-1]
		}
		want := p[n:min(int64(len(p)), int64(n)+w.ends[i]-offset)]
		got, err := w.files[i].ReadAt(want, offset-begin)
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
func (w *wholeFile) Close() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// readPartSums returns the digests of a file's parts, in hex, as they stand in the
// file that the split wrote. It returns none if there is no such file, or if it
// lists no parts.
func readPartSums(whole string) ([]string, error) {
	path := whole + checksumsSuffix
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
		if of, n, ok := partOf(name); ok && of == filepath.Base(whole) {
			if n != len(sums)+1 || !isHexDigest(sum) {
				return nil, fmt.Errorf("%s:%d: want the SHA-256 of %s", path, line, filepath.Base(partPath(whole, len(sums)+1)))
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
	whole, ok := wholeOf(path)
	if !ok {
		_, err := os.Stat(path)
		return []string{path}, err
	}
	numbers, err := partsOf(whole)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, n := range numbers {
		files = append(files, partPath(whole, n))
	}
	if _, err := os.Stat(whole + checksumsSuffix); err == nil {
		files = append(files, whole+checksumsSuffix)
	}
	return files, nil
}

// Whole is the archive that a file of Files belongs to, going by its name.
func Whole(path string) string {
	if whole, _, ok := partOf(path); ok {
		return whole
	}
	if whole, ok := strings.CutSuffix(path, checksumsSuffix); ok {
		return whole
	}
	return path
}

// removeParts removes what is left of an earlier split of a file: all parts after
// the first keep ones, and their digests if none are kept.
func removeParts(whole string, keep int) error {
	numbers, err := partsOf(whole)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > keep {
			if err := fileop.RemoveIfThere(partPath(whole, n)); err != nil {
				return err
			}
		}
	}
	if len(numbers) == 0 || keep > 0 {
		return nil
	}
	return fileop.RemoveIfThere(whole + checksumsSuffix)
}
