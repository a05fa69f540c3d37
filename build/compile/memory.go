package compile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gofrs/flock"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// A memory knows what earlier runs made, by one stamp for each output path.
type memory struct {
	folder string // of the stamps; "" remembers nothing
	tool   goTool
	ignore []string
	// toolchain is the caller's GOTOOLCHAIN, the one inherited variable that
	// changes what is made.
	toolchain string

	mu    sync.Mutex
	trees map[string]func() (tree, error) // by module folder and GOWORK
}

// newMemory returns the memory for a build of jobs. What they make is nothing
// that they are made from.
func newMemory(c *Compiler, tool goTool, jobs []*job) *memory {
	m := &memory{tool: tool, toolchain: c.inherited["GOTOOLCHAIN"], trees: map[string]func() (tree, error){}}
	if c.cache != "" {
		m.folder = filepath.Join(c.cache, "compile")
	}
	for _, dir := range append(slices.Clone(c.ignore), c.cache) {
		if abs, err := filepath.Abs(dir); err == nil && dir != "" {
			m.ignore = append(m.ignore, abs)
		}
	}
	for _, j := range jobs {
		m.ignore = append(m.ignore, j.Output)
	}
	return m
}

// A stamp is what is remembered of an output: of what it was made, and what it
// was.
type stamp struct {
	Inputs string       `json:"inputs"`
	Output fileIdentity `json:"output"`
	Size   int64        `json:"size"`
	Digest v1.Hash      `json:"digest"`
}

// stampFormat is part of every fingerprint: change it when this package begins to
// build or check in another way.
const stampFormat = "slipway compile 1"

// inputs is the fingerprint of all that decides the bytes of j's output; "" if
// that cannot be told without running go.
func (m *memory) inputs(j *job) string {
	// A C compiler reads headers and libraries from anywhere; GOFLAGS can name
	// files anywhere (-overlay, -modfile).
	if m.folder == "" || m.tool.identity == "" || j.cgo() || j.env["GOFLAGS"] != "" {
		return ""
	}
	files, err := m.tree(j)
	if err != nil || files.doubtful {
		return "" // go says what is wrong
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", []string{stampFormat, m.tool.identity, m.toolchain, j.Dir, j.Package, files.digest})
	fmt.Fprintf(h, "%q %q %q %q\n", j.env.list(), j.Tags, j.Ldflags, j.Assert)
	return hex.EncodeToString(h.Sum(nil))
}

// tree is the fingerprint of the files that j is made from, taken once for all
// the targets of a module.
func (m *memory) tree(j *job) (tree, error) {
	key := j.Dir + "\x00" + j.env["GOWORK"]
	m.mu.Lock()
	once, ok := m.trees[key]
	if !ok {
		once = sync.OnceValues(func() (tree, error) { return readTree(j.Dir, j.env["GOWORK"], m.ignore) })
		m.trees[key] = once
	}
	m.mu.Unlock()
	return once()
}

// recall returns the result of an earlier run if it still holds, and the
// fingerprint of j's inputs.
func (m *memory) recall(ctx context.Context, j *job) (Result, string) {
	inputs := m.inputs(j)
	if inputs == "" {
		return Result{}, ""
	}
	last, ok := m.stamp(ctx, j)
	if !ok || last.Inputs != inputs || !m.holds(j, last) {
		return Result{}, inputs
	}
	return Result{Path: j.Target.Output, Digest: last.Digest, Size: last.Size, Cached: true}, inputs
}

// unchanged says whether j's output is in place and has this digest.
func (m *memory) unchanged(ctx context.Context, j *job, digest v1.Hash) bool {
	last, ok := m.stamp(ctx, j)
	return ok && last.Digest == digest && m.holds(j, last)
}

// holds says whether j's output is still what last says. A hard link to it, or a
// chmod, changes its times only; then its bytes decide.
func (m *memory) holds(j *job, last stamp) bool {
	info, err := os.Lstat(j.Output)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if identify(info) == last.Output {
		return true
	}
	digest, _, err := hashFile(j.Output)
	if err != nil || digest != last.Digest || os.Chmod(j.Output, 0o755) != nil {
		return false
	}
	if info, err = os.Lstat(j.Output); err != nil {
		return false
	}
	last.Output = identify(info)
	return m.write(j, last) == nil
}

// remember keeps what was made of j. If j's files did not hold still while go
// read them, nobody knows which of their states was compiled, and only the
// output is remembered.
func (m *memory) remember(j *job, r Result, held bool) error {
	if m.folder == "" {
		return nil
	}
	info, err := os.Lstat(j.Output)
	if err != nil {
		return err
	}
	made := stamp{Inputs: j.inputs, Output: identify(info), Size: r.Size, Digest: r.Digest}
	if !held {
		made.Inputs = ""
	}
	return m.write(j, made)
}

// held says whether j's files are now what they were when the build began.
func (m *memory) held(j *job) bool {
	if j.inputs == "" {
		return false
	}
	before, err := m.tree(j)
	if err != nil {
		return false
	}
	now, err := readTree(j.Dir, j.env["GOWORK"], m.ignore)
	return err == nil && now.digest == before.digest
}

func (m *memory) file(j *job) string {
	sum := sha256.Sum256([]byte(j.Output))
	return filepath.Join(m.folder, hex.EncodeToString(sum[:16])+".json")
}

// stamp reads what is remembered of j's output. A stamp that was damaged is removed,
// with a warning, and the output is made anew.
func (m *memory) stamp(ctx context.Context, j *job) (stamp, bool) {
	if m.folder == "" {
		return stamp{}, false
	}
	file := m.file(j)
	data, err := regular.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, false
	}
	sum, text, _ := bytes.Cut(data, []byte("\n"))
	var s stamp
	if err == nil && string(sum) == j.stampSum(text) && json.Unmarshal(text, &s) == nil {
		return s, true
	}
	// A file without a checksum is one of earlier versions.
	if !bytes.HasPrefix(data, []byte("{")) && fileop.RemoveAll(file) == nil {
		progress.Warn(ctx, fmt.Sprintf("%s was damaged and has been removed; %s is compiled anew", file, j.Target.Output))
	}
	return stamp{}, false
}

// stampSum is the first line of a stamp: a checksum that tells it from the stamps of
// other outputs, too.
func (j *job) stampSum(text []byte) string {
	h := xxhash.New()
	fmt.Fprintf(h, "%q\n", j.Output)
	h.Write(text)
	return fmt.Sprintf("%016x", h.Sum64())
}

func (m *memory) write(j *job, s stamp) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	data = append([]byte(j.stampSum(data)+"\n"), data...)
	temp, err := os.CreateTemp(m.folder, ".stamp-")
	if err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	defer fileop.Remove(temp.Name())
	if _, err = temp.Write(data); err == nil {
		err = temp.Close()
	} else {
		temp.Close()
	}
	if err == nil {
		err = fileop.Rename(temp.Name(), m.file(j))
	}
	if err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	return nil
}

// lock makes the output folders and takes their locks, so that two Slipways in
// one checkout do the work once, and removes what an earlier one left when it was
// killed. Locks lie in the cache; without one there are none.
func (c *Compiler) lock(ctx context.Context, jobs []*job) (unlock func(), err error) {
	var locks []*flock.Flock
	unlock = func() {
		for _, l := range locks {
			l.Unlock()
		}
	}
	folders := map[string]bool{}
	for _, j := range jobs {
		folders[filepath.Dir(j.Output)] = true
	}
	if c.cache != "" {
		if err := os.MkdirAll(filepath.Join(c.cache, "compile"), 0o755); err != nil {
			return nil, fmt.Errorf("making the compiler's cache: %w", err)
		}
	}
	// In one order everywhere, so that nobody waits for one who waits.
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			unlock()
			return nil, fmt.Errorf("making the folder of binaries: %w", err)
		}
		if c.cache == "" {
			continue
		}
		sum := sha256.Sum256([]byte(folder))
		l := flock.New(filepath.Join(c.cache, "compile", hex.EncodeToString(sum[:16])+".lock"))
		if _, err := l.TryLockContext(ctx, 100*time.Millisecond); err != nil {
			unlock()
			if errors.Is(err, ctx.Err()) {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("locking folder %s: %w", folder, err)
		}
		locks = append(locks, l)
		if err := RemoveLeftovers(folder); err != nil {
			unlock()
			return nil, err
		}
	}
	return unlock, nil
}

// RemoveLeftovers removes from a folder of binaries the temporary folders of builds
// that were killed. No other build may be writing there.
func RemoveLeftovers(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			if err := fileop.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
				return fmt.Errorf("removing what an interrupted build left: %w", err)
			}
		}
	}
	return nil
}
