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

// decoders is how many decompressors run at a time, and so bounds their memory: each
// holds a window of 32 MiB at most.
const decoders = 2

// errNoRoom says that what a client asks for does not fit beside what is in use.
var errNoRoom = errors.New("no room for decompressed files")

// decodedFiles keeps layers of compressed archives as files, decompressed. A run of
// layers that are compressed together is decompressed once, by a decompressor that no
// client's speed holds up, and stays until the room is needed for another.
type decodedFiles struct {
	ctx   context.Context // ends with the server
	dir   string
	lock  *flock.Flock
	limit int64
	log   func(string)
	slots chan struct{}
	work  sync.WaitGroup

	mu   sync.Mutex
	used int64 // bytes of all runs
	runs map[runKey]*decodedRun
	// layers are those of each run that can be asked for, by archive.
	layers map[*airgap.Archive]func() (map[int64][]decodedFile, error)
	// order is that in which runs were asked for, the latest at the end.
	order []*decodedRun
}

// A runKey names what is decompressed together: a frame of an archive, or all of one
// that has no index.
type runKey struct {
	archive *airgap.Archive
	number  int64 // see Archive.Run
}

// A decodedRun is a run on its way to disk.
type decodedRun struct {
	key   runKey
	size  int64
	files map[string]*decodedFile // by their names in the tar
	users int                     // guarded by decodedFiles.mu

	mu   sync.Mutex
	done bool
	err  error
	// grown is closed, and made anew, when there is more to read.
	grown chan struct{}
}

// A decodedFile is a layer of a run.
type decodedFile struct {
	path   string
	file   airgap.File
	digest v1.Hash
	// ready is how many bytes may be read; all of them only when they had the right
	// digest.
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

// newServeFolder makes a folder below parent that is locked as long as this process
// lives, and removes those of processes that were killed.
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
			// What cannot be removed takes nothing but room.
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

// add makes the layers of an archive known, before any is acquired.
func (d *decodedFiles) add(a *airgap.Archive, layers map[v1.Hash]string) {
	d.layers[a] = sync.OnceValues(func() (map[int64][]decodedFile, error) {
		byRun := map[int64][]decodedFile{}
		for digest, file := range layers {
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

// close waits for decompressors, whose context must have ended, and removes all files.
func (d *decodedFiles) close() error {
	d.work.Wait()
	return errors.Join(d.lock.Close(), fileop.RemoveAll(d.dir))
}

// acquire returns the run that a layer is in, and starts to decompress it if it is not
// there. The caller releases it.
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

// makeRoom removes the runs that nobody has asked for the longest. d.mu is held.
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

// remove removes a run's files. d.mu is held.
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

// touch makes a run the latest that was asked for. d.mu is held.
func (d *decodedFiles) touch(run *decodedRun) {
	for i, other := range d.order {
		if other == run {
			d.order = append(d.order[:i], d.order[i+1:]...)
			break
		}
	}
	d.order = append(d.order, run)
}

// release is called when a client needs a run no more. One that could not be written
// is forgotten, so that the next client tries again; of a damaged one it is known.
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

// advance tells readers of new bytes of a file, or, where f is nil, of the end.
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

// wait returns how many bytes of a file can be read, when they are more than pos.
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

// write writes one file of a run. Its last bytes can be read only once it is known to
// have its digest.
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

// open opens a file of a run for reading, when it has bytes after pos.
func (run *decodedRun) open(ctx context.Context, f *decodedFile, pos int64) (*os.File, error) {
	if _, err := run.wait(ctx, f, pos); err != nil {
		return nil, err
	}
	run.mu.Lock()
	path := f.path
	run.mu.Unlock()
	return regular.Open(filepath.Clean(path))
}
