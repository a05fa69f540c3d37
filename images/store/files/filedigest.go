package files

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// racyAge is the minimum age of a file's last change for its digest to be cached. A file that is
// written twice within one tick of the file system's clock has the same time with other content;
// FAT has the coarsest tick, 2 seconds. Git calls this the racy index problem.
const racyAge = 2 * time.Second

// fileMemo caches digests of source files. They are in one file, which is read once, and to which
// every process appends a line for each file that it has read. Lines that other processes append
// later are not seen; the file is then read again, which is slower but correct.
type fileMemo struct {
	load    sync.Once
	mu      sync.Mutex
	entries map[string]fileEntry
}

// A fileEntry is the digest of a state of a file.
type fileEntry struct {
	size     int64
	modified int64 // nanoseconds since 1970
	identity string
	hex      string
}

// FileDigest implements images.LayerStore.
func (s *Folder) FileDigest(ctx context.Context, path string, info fs.FileInfo) (v1.Hash, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return v1.Hash{}, err
	}
	s.digests.load.Do(func() { s.loadDigests(ctx) })
	state := stateOf(info)
	s.digests.mu.Lock()
	known, ok := s.digests.entries[abs]
	s.digests.mu.Unlock()
	if ok && known.size == state.size && known.modified == state.modified && known.identity == state.identity {
		return v1.Hash{Algorithm: "sha256", Hex: known.hex}, nil
	}
	began := time.Now()
	digest, err := s.digestFile(ctx, path, info)
	if err != nil {
		return v1.Hash{}, err
	}
	// The file must still be in the state that was asked about.
	now, err := os.Lstat(path)
	if err != nil {
		return v1.Hash{}, err
	}
	if stateOf(now) != state {
		return v1.Hash{}, fmt.Errorf("reading %s: the file changed while it was read", path)
	}
	if began.Sub(lastChange(info)) > racyAge {
		state.hex = digest.Hex
		s.rememberDigest(abs, state)
	}
	return digest, nil
}

func (s *Folder) digestFile(ctx context.Context, path string, info fs.FileInfo) (v1.Hash, error) {
	f, err := regular.Open(path)
	if err != nil {
		return v1.Hash{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := s.Copy(ctx, h, f)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("reading %s: %w", path, Reason(err))
	}
	if n != info.Size() {
		return v1.Hash{}, fmt.Errorf("reading %s: the file changed while it was read: it had %d bytes and now has %d", path, info.Size(), n)
	}
	return sumOf(h), nil
}

func stateOf(info fs.FileInfo) fileEntry {
	return fileEntry{size: info.Size(), modified: info.ModTime().UnixNano(), identity: identity(info)}
}

// loadDigests reads the lines of earlier runs. A line that was cut off by a crash has a wrong
// checksum, as has the line appended to it. The file is then rewritten.
func (s *Folder) loadDigests(ctx context.Context) {
	s.digests.entries = map[string]fileEntry{}
	name := s.Private("files")
	f, err := s.OpenRegular(name)
	if err != nil {
		WarnOf(ctx, err)
		return
	}
	bad := 0
	r := bufio.NewReaderSize(f, Chunk)
	for err == nil {
		var line string
		if line, err = r.ReadString('\n'); line == "" {
			break
		}
		if path, e, ok := parseFileLine(line); ok {
			s.digests.entries[path] = e
		} else {
			bad++
		}
	}
	f.Close()
	if bad > 0 && !s.ReadOnly {
		progress.Warn(ctx, fmt.Sprintf("repaired damaged %s: %d lines are lost, and their files will be read again", name, bad))
		s.writeDigests() // else the warning would be repeated
	}
}

// writeDigests writes the lines of all entries. Lines that other processes have appended since are
// lost; their files are read again.
func (s *Folder) writeDigests() error {
	var content []byte
	for _, path := range slices.Sorted(maps.Keys(s.digests.entries)) {
		content = append(content, fileLine(path, s.digests.entries[path])...)
	}
	return s.Replace(s.Private("files"), content, Unsynced)
}

// A line is "<CRC-32> <size> <modified> <identity> <sha256> <quoted path>".
func fileLine(path string, e fileEntry) string {
	body := fmt.Sprintf("%d %d %s %s %q", e.size, e.modified, e.identity, e.hex, path)
	return lineSum(body) + " " + body + "\n"
}

func lineSum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

func parseFileLine(line string) (path string, e fileEntry, ok bool) {
	body, ok := strings.CutSuffix(line, "\n")
	if !ok {
		return "", e, false
	}
	crc, body, _ := strings.Cut(body, " ")
	if crc != lineSum(body) {
		return "", e, false
	}
	var err [3]error
	fields := strings.SplitN(body, " ", 5)
	if len(fields) != 5 {
		return "", e, false
	}
	e.size, err[0] = strconv.ParseInt(fields[0], 10, 64)
	e.modified, err[1] = strconv.ParseInt(fields[1], 10, 64)
	e.identity, e.hex = fields[2], fields[3]
	path, err[2] = strconv.Unquote(fields[4])
	return path, e, err == [3]error{}
}

// rememberDigest appends a line. Errors are ignored: the file is then read again next time.
func (s *Folder) rememberDigest(path string, e fileEntry) {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	s.digests.entries[path] = e
	if s.ReadOnly {
		return
	}
	f, err := os.OpenFile(s.Private("files"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	// A single write, which is atomic among processes when appending.
	io.WriteString(f, fileLine(path, e))
}

// ShrinkDigests removes cached digests of source files that have been removed or changed.
func (s *Folder) ShrinkDigests(ctx context.Context, all bool) error {
	s.digests.load.Do(func() { s.loadDigests(ctx) })
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	for path, e := range s.digests.entries {
		info, err := os.Lstat(path)
		state := e
		state.hex = ""
		if all || err != nil || stateOf(info) != state {
			delete(s.digests.entries, path)
		}
	}
	return s.writeDigests()
}
