package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// decoders is the maximum number of decompressors that run at the same time. It limits memory: each has a window of up
// to 32 MiB.
const decoders = 2

// errNoRoom means that a run does not fit beside those in use, or could not be written.
var errNoRoom = errors.New("no room for decompressed files")

// decodedFiles decompresses layers into files. A run is decompressed once for all clients, at a speed that does not
// depend on them, and is kept until its space is needed.
type decodedFiles struct {
	ctx   context.Context // of New
	dir   string
	lock  *flock.Flock
	limit int64
	log   func(string)
	slots chan struct{}
	work  sync.WaitGroup

	mu   sync.Mutex
	used int64 // size of all runs, in bytes
	runs map[runKey]*decodedRun
	// layers returns the layers of each run that can be served, by archive.
	layers map[*airgap.Archive]func() (map[int64][]decodedFile, error)
	// order has the most recently used run at the end.
	order []*decodedRun
}

// A runKey identifies a run: a frame of an archive, or all of an archive without an index.
type runKey struct {
	archive *airgap.Archive
	number  int64 // see Archive.Run
}

// A decodedRun is a run that has been decompressed, or is being decompressed.
type decodedRun struct {
	key   runKey
	size  int64
	files map[string]*decodedFile // by name in the tar
	users int                     // guarded by decodedFiles.mu

	mu   sync.Mutex
	done bool
	err  error
	// grown is closed, and replaced, when there are more bytes to read.
	grown chan struct{}
}

// A decodedFile is a layer of a run.
type decodedFile struct {
	path   string
	file   airgap.File
	digest v1.Hash
	// ready is the number of bytes that may be read. The last ones may only be read once the
	// digest is verified.
	ready int64 // guarded by decodedRun.mu
}

func newDecodedFiles(ctx context.Context, opts Options) (*decodedFiles, error) {
	lock, dir, err := newServeFolder(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("making a folder for decompressed files: %w", err)
	}
	return &decodedFiles{ctx: ctx, dir: dir, lock: lock, limit: opts.Limit, log: opts.Log,
		slots: make(chan struct{}, decoders), runs: map[runKey]*decodedRun{},
		layers: map[*airgap.Archive]func() (map[int64][]decodedFile, error){}}, nil
}

// newServeFolder creates a folder in parent that is locked while this process runs, and removes the folders of
// processes that were killed.
func newServeFolder(parent string) (lock *flock.Flock, dir string, err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, "", err
	}
	all := flock.New(filepath.Join(parent, "lock"))
	if err := all.Lock(); err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		left := filepath.Join(parent, e.Name())
		lock := flock.New(filepath.Join(left, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			// A folder that cannot be removed only takes disk space.
			_ = lock.Close()
			_ = fileop.RemoveAll(left)
		}
	}
	if dir, err = os.MkdirTemp(parent, "server-*"); err != nil {
		return nil, "", err
	}
	lock = flock.New(filepath.Join(dir, "lock"))
	return lock, dir, lock.Lock()
}

// add lists the layers of an archive that can be served: the digest of each file. Several files may have one digest. It
// must be called before acquire.
func (d *decodedFiles) add(a *airgap.Archive, layers map[string]v1.Hash) {
	d.layers[a] = sync.OnceValues(func() (map[int64][]decodedFile, error) {
		byRun := map[int64][]decodedFile{}
		for file, digest := range layers {
			f, err := a.File(d.ctx, file)
			if err != nil {
				return nil, err
			}
			if f.Sparse() {
				continue
			}
			run, err := a.Run(f)
			if err != nil {
				return nil, err
			}
			byRun[run] = append(byRun[run], decodedFile{file: f, digest: digest})
		}
		return byRun, nil
	})
}

// close waits for decompressors, whose context must have ended, and removes the folder.
func (d *decodedFiles) close() error {
	d.work.Wait()
	return errors.Join(d.lock.Close(), fileop.RemoveAll(d.dir))
}

// acquire returns the run of a layer, and starts to decompress it if necessary. The caller must release it.
func (d *decodedFiles) acquire(a *airgap.Archive, f airgap.File) (*decodedRun, error) {
	layers, err := d.layers[a]()
	if err != nil {
		return nil, err
	}
	number, err := a.Run(f)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := runKey{a, number}
	run := d.runs[key]
	if run == nil {
		run = newRun(key, layers[number])
		if err := d.makeRoom(run.size); err != nil {
			return nil, err
		}
		d.used += run.size
		d.runs[key] = run
		d.work.Go(func() { d.decode(run) })
	}
	run.users++
	d.touch(run)
	return run, nil
}

func newRun(key runKey, layers []decodedFile) *decodedRun {
	run := &decodedRun{key: key, files: map[string]*decodedFile{}, grown: make(chan struct{})}
	for _, f := range layers {
		if run.files[f.file.Name()] == nil {
			run.files[f.file.Name()] = &f
			run.size += f.file.Size()
		}
	}
	return run
}

// makeRoom removes the least recently used runs until size bytes are free. The caller holds d.mu.
func (d *decodedFiles) makeRoom(size int64) error {
	for d.used+size > d.limit {
		var idle *decodedRun
		for _, run := range d.order {
			if run.users == 0 && run.finished() {
				idle = run
				break
			}
		}
		if idle == nil {
			return errNoRoom
		}
		if err := d.remove(idle); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the files of a run. The caller holds d.mu.
func (d *decodedFiles) remove(run *decodedRun) error {
	var errs []error
	for _, f := range run.files {
		if f.path != "" {
			errs = append(errs, fileop.RemoveIfThere(f.path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.used -= run.size
	delete(d.runs, run.key)
	for i, other := range d.order {
		if other == run {
			d.order = append(d.order[:i], d.order[i+1:]...)
			break
		}
	}
	return nil
}

// touch marks a run as the most recently used. The caller holds d.mu.
func (d *decodedFiles) touch(run *decodedRun) {
	for i, other := range d.order {
		if other == run {
			d.order = append(d.order[:i], d.order[i+1:]...)
			break
		}
	}
	d.order = append(d.order, run)
}

// release ends the use of a run by a client. A run that could not be written is removed, so that the next client tries
// again. A damaged one is kept, with its error.
func (d *decodedFiles) release(run *decodedRun) {
	d.mu.Lock()
	defer d.mu.Unlock()
	run.users--
	run.mu.Lock()
	retry := run.done && errors.Is(run.err, errNoRoom)
	run.mu.Unlock()
	if retry && run.users == 0 && d.runs[run.key] == run {
		if err := d.remove(run); err != nil {
			d.log(err.Error())
		}
	}
}

func (run *decodedRun) finished() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.done
}

// advance informs readers that more bytes of f are ready or, if f is nil, that the run ended with err.
func (run *decodedRun) advance(f *decodedFile, ready int64, err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if f != nil {
		f.ready = ready
	} else {
		run.done, run.err = true, err
	}
	close(run.grown)
	run.grown = make(chan struct{})
}

// wait waits until more than pos bytes of a file are ready, and returns their number.
func (run *decodedRun) wait(ctx context.Context, f *decodedFile, pos int64) (int64, error) {
	for {
		run.mu.Lock()
		ready, done, err, grown := f.ready, run.done, run.err, run.grown
		run.mu.Unlock()
		switch {
		case ready > pos:
			return ready, nil
		case done && err == nil:
			err = io.ErrUnexpectedEOF
			fallthrough
		case done:
			return 0, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// decode decompresses a run.
func (d *decodedFiles) decode(run *decodedRun) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-d.ctx.Done():
		run.advance(nil, 0, context.Cause(d.ctx))
		return
	}
	err := d.decodeRun(run)
	if err != nil && d.ctx.Err() == nil {
		d.log(run.key.archive.Wrap(err).Error())
	}
	run.advance(nil, 0, err)
}

func (d *decodedFiles) decodeRun(run *decodedRun) error {
	files := slices.SortedFunc(maps.Values(run.files), func(a, b *decodedFile) int {
		if a.file.Before(b.file) {
			return -1
		}
		return 1
	})
	r, err := run.key.archive.OpenRun(files[0].file)
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]byte, 256<<10)
	for _, f := range files {
		content, err := r.Next(d.ctx, f.file)
		if err == nil {
			err = d.write(run, f, content, buf)
		}
		if err != nil {
			return fmt.Errorf("file %q: %w", f.file.Name(), err)
		}
	}
	return nil
}

// write writes one file of a run. Its last bytes become ready once the digest is verified.
func (d *decodedFiles) write(run *decodedRun, f *decodedFile, content io.Reader, buf []byte) error {
	out, err := os.CreateTemp(d.dir, "layer-*")
	if err != nil {
		return errors.Join(errNoRoom, err)
	}
	defer out.Close()
	run.mu.Lock()
	f.path = out.Name()
	run.mu.Unlock()
	hash := sha256.New()
	size := f.file.Size()
	for written := int64(0); written < size; {
		n, err := io.ReadFull(content, buf[:min(int64(len(buf)), size-written)])
		if err != nil {
			return streams.NoEOF(err)
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return errors.Join(errNoRoom, err)
		}
		hash.Write(buf[:n])
		if written += int64(n); written < size {
			run.advance(f, written, nil)
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != f.digest.Hex {
		return fmt.Errorf("it is damaged: its bytes have the digest sha256:%s", got)
	}
	run.advance(f, size, nil)
	return nil
}

// open opens a file of a run as soon as it has bytes after pos.
func (run *decodedRun) open(ctx context.Context, f *decodedFile, pos int64) (*os.File, error) {
	if _, err := run.wait(ctx, f, pos); err != nil {
		return nil, err
	}
	run.mu.Lock()
	path := f.path
	run.mu.Unlock()
	return regular.Open(filepath.Clean(path))
}
