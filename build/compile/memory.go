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
	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// A memory has the outputs of earlier runs, with one stamp for each output path.
type memory struct {
	folder string // of the stamps; "" means no memory
	tool   goTool
	ignore []string
	// toolchain is the caller's GOTOOLCHAIN, the only inherited variable that changes the output.
	toolchain string
	shares    bool // with other machines

	mu    sync.Mutex
	trees map[string]func() (tree, error) // by moduleKey
}

// newMemory returns the memory for a build of jobs. The outputs of the jobs do not count as inputs.
func newMemory(c *Compiler, tool goTool, jobs []*job) *memory {
	m := &memory{tool: tool, toolchain: c.inherited["GOTOOLCHAIN"], shares: c.shared != nil, trees: map[string]func() (tree, error){}}
	if c.cache != "" {
		m.folder = filepath.Join(c.cache, "compile")
	}
	m.ignore = c.withoutSource()
	for _, j := range jobs {
		m.ignore = append(m.ignore, j.Output)
	}
	return m
}

// withoutSource returns the folders inside a module that contain no source.
func (c *Compiler) withoutSource() (dirs []string) {
	for _, dir := range append(slices.Clone(c.ignore), c.cache) {
		if abs, err := filepath.Abs(dir); err == nil && dir != "" {
			dirs = append(dirs, abs)
		}
	}
	return dirs
}

// A stamp records the inputs of an output, and the output itself.
type stamp struct {
	Inputs string          `json:"inputs"`
	Output filestate.State `json:"output"`
	Size   int64           `json:"size"`
	Digest v1.Hash         `json:"digest"`
}

// stampFormat is part of every fingerprint. Change it when this package starts to build or check
// differently.
const stampFormat = "slipway compile 1"

// inputs returns the fingerprint of everything that determines the bytes of j's output, or "" if
// that cannot be determined without running go.
func (m *memory) inputs(j *job) string {
	// A C compiler reads headers and libraries from anywhere; GOFLAGS and flags can refer to files
	// anywhere (-overlay, -modfile).
	if m.folder == "" || m.tool.identity == "" || j.cgo() || j.env["GOFLAGS"] != "" || readsOutside(j.Flags) {
		return ""
	}
	files, err := m.tree(j)
	if err != nil || files.doubtful {
		return "" // go will report the error
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", []string{stampFormat, m.tool.identity, m.toolchain, j.Dir, j.Package, files.digest})
	fmt.Fprintf(h, "%q %q %q %q\n", j.env.list(), j.Tags, j.Ldflags, j.Assert)
	if len(j.Flags) > 0 {
		fmt.Fprintf(h, "flags %q\n", j.Flags)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// moduleKey identifies the source files that jobs have in common.
func (j *job) moduleKey() string { return j.Dir + "\x00" + j.env["GOWORK"] }

// tree returns the fingerprint of the source files of j. It is computed once for all targets of a
// module.
func (m *memory) tree(j *job) (tree, error) {
	key := j.moduleKey()
	m.mu.Lock()
	once, ok := m.trees[key]
	if !ok {
		once = sync.OnceValues(func() (tree, error) { return readTree(j.Dir, j.env["GOWORK"], m.ignore) })
		m.trees[key] = once
	}
	m.mu.Unlock()
	return once()
}

// recall returns the result of an earlier run if it is still valid, and the fingerprint of j's
// inputs.
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

// unchanged reports whether j's output exists and has this digest.
func (m *memory) unchanged(ctx context.Context, j *job, digest v1.Hash) bool {
	last, ok := m.stamp(ctx, j)
	return ok && last.Digest == digest && m.holds(j, last)
}

// holds reports whether j's output is still as in last. A hard link or a chmod changes only its
// times; then the content is compared.
func (m *memory) holds(j *job, last stamp) bool {
	info, err := os.Lstat(j.Output)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if filestate.Of(info) == last.Output {
		return true
	}
	digest, _, err := hashFile(j.Output)
	if err != nil || digest != last.Digest || os.Chmod(j.Output, 0o755) != nil {
		return false
	}
	if info, err = os.Lstat(j.Output); err != nil {
		return false
	}
	last.Output = filestate.Of(info)
	return m.write(j, last) == nil
}

// remember records the output of j. If j's files changed while go read them, the version that was
// compiled is unknown, and only the output is recorded.
func (m *memory) remember(j *job, r Result, held bool) error {
	if m.folder == "" {
		return nil
	}
	info, err := os.Lstat(j.Output)
	if err != nil {
		return err
	}
	made := stamp{Inputs: j.inputs, Output: filestate.Of(info), Size: r.Size, Digest: r.Digest}
	if !held {
		made.Inputs = ""
	}
	return m.write(j, made)
}

// held reports whether j's files are still as they were when the build started.
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

// stamp reads the stamp of j's output. A damaged stamp is removed, with a warning, and the output
// is built again.
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
	// A file without a checksum is from an earlier version.
	if !bytes.HasPrefix(data, []byte("{")) && fileop.RemoveAll(file) == nil {
		progress.Warn(ctx, fmt.Sprintf("removed damaged %s: %s will be compiled again", file, j.Target.Output))
	}
	return stamp{}, false
}

// stampSum returns the first line of a stamp: a checksum over the stamp and the path of the output.
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
		return fmt.Errorf("writing the compiler's cache: %w", err)
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
		return fmt.Errorf("writing the compiler's cache: %w", err)
	}
	return nil
}

// lock creates the output folders and locks them, so that two processes in one checkout do the work
// once, and removes what a killed process left. The locks are in the cache; without a cache there
// is no locking.
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
			return nil, fmt.Errorf("creating the compiler's cache: %w", err)
		}
	}
	// Always in the same order, to prevent deadlocks.
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			unlock()
			return nil, fmt.Errorf("creating the folder of binaries: %w", err)
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

// RemoveLeftovers removes the temporary folders of killed builds from a folder of binaries. No
// other build may be writing there.
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
