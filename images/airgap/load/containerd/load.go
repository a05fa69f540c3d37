package containerd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// leaseTime is how long containerd keeps the content of a load that was interrupted, so that the next one goes on.
const leaseTime = 24 * time.Hour

// Load loads images, and returns a result for each, or nil if containerd does not say what it has. An image that cannot
// be loaded does not stop the others; the error joins the reasons. The archives must stay open.
func (c *Client) Load(ctx context.Context, list []*load.Image) ([]load.Result, error) {
	ctx, cancel := context.WithCancelCause(c.in(ctx))
	defer cancel(nil)
	results := make([]load.Result, len(list))
	have, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	var todo []int
	for i, img := range list {
		results[i] = load.Result{Image: img, Status: load.Present}
		done, err := c.complete(ctx, have, img)
		if err != nil {
			return nil, err
		}
		if !done {
			results[i].Status = load.Failed // until it is loaded
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return results, nil
	}
	lease, err := c.lease(ctx)
	if err != nil {
		return explained(results, err), err
	}
	l := &loader{client: c, stop: cancel, have: have, layers: map[v1.Hash]*arrival{}, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		commits: make(chan struct{}, maxCommits)}
	err = l.load(leases.WithLease(ctx, lease), lease, list, todo, results)
	if stopped := context.Cause(ctx); stopped != nil && !errors.Is(stopped, errFull) {
		return explained(results, stopped), stopped // what is there stays for the next time
	}
	_, deleteErr := c.leases.Delete(c.in(context.WithoutCancel(ctx)), &leasesapi.DeleteRequest{ID: lease})
	if deleteErr != nil {
		err = errors.Join(err, fmt.Errorf("ending the lease: %w", plain(deleteErr)))
	}
	return explained(results, err), err
}

// explained gives err as the reason to the failed results that have none, because their turn did not come.
func explained(results []load.Result, err error) []load.Result {
	for i, r := range results {
		if r.Status == load.Failed && r.Err == nil {
			results[i].Err = err
		}
	}
	return results
}

// lease makes a lease that expires.
func (c *Client) lease(ctx context.Context) (string, error) {
	id := "slipway-load-" + rand.Text()
	_, err := c.leases.Create(ctx, &leasesapi.CreateRequest{ID: id, Labels: map[string]string{
		"containerd.io/gc.expire": time.Now().Add(leaseTime).UTC().Format(time.RFC3339)}})
	if err != nil {
		return "", fmt.Errorf("making a lease: %w", plain(err))
	}
	return id, nil
}

// maxCommits is the number of layers that containerd writes to disk at the same time.
const maxCommits = 8

// A loader is one call of Load.
type loader struct {
	client *Client
	// stop ends everything, because nothing more can succeed.
	stop   context.CancelCauseFunc
	have   *inventory
	layers map[v1.Hash]*arrival
	// documents are the configs, manifests and indexes, and chains what is unpacked; each is made once.
	documents, chains parallel.Memo[struct{}]
	// slots limits the layers that are unpacked at the same time.
	slots chan struct{}
	// commits limits the layers that are being committed.
	commits    chan struct{}
	committing sync.WaitGroup
	task       *progress.Task
}

// An arrival is a layer that is being written.
type arrival struct {
	done chan struct{} // closed when it is written, or err is set
	err  error
}

// load loads the images of list that todo numbers.
func (l *loader) load(ctx context.Context, lease string, list []*load.Image, todo []int, results []load.Result) (err error) {
	c := l.client
	kept := 0
	var wanted []*load.Image
	for _, i := range todo {
		n, err := c.keep(ctx, lease, l.have, list[i])
		if err != nil {
			return fmt.Errorf("adding to the lease: %w", err)
		}
		kept += n
		wanted = append(wanted, list[i])
	}
	if kept > 0 {
		// The garbage collector may have been faster than the lease.
		if l.have, err = c.take(ctx); err != nil {
			return err
		}
	}
	layers := load.Layers(wanted, func(h v1.Hash) bool { return !l.have.has(h) })
	var total int64
	for _, layer := range layers {
		l.layers[layer.Digest] = &arrival{done: make(chan struct{})}
		total += layer.Size
	}
	counted := map[v1.Hash]bool{}
	for _, i := range todo {
		for _, layer := range list[i].Packed.Layers {
			if l.layers[layer.Digest] != nil && !counted[layer.Digest] {
				counted[layer.Digest] = true
				results[i].Bytes += layer.Size
			}
		}
	}
	l.task = progress.Start(ctx, fmt.Sprintf("load %d images into containerd", len(todo)))
	l.task.SetTotal(total)
	defer func() { l.task.Done(err) }()
	read := make(chan struct{})
	go func() {
		defer close(read)
		load.Read(ctx, layers, func(layer load.Layer, content io.Reader, err error) { l.takeLayer(ctx, layer, content, err) })
		l.committing.Wait()
	}()
	// Most images wait for layers.
	err = parallel.Each(ctx, len(todo), len(todo), func(at int) error {
		r := &results[todo[at]]
		r.Status = load.Loaded
		if err := l.image(ctx, r.Image); err != nil {
			r.Status, r.Bytes = load.Failed, 0
			if stopped := context.Cause(ctx); stopped != nil {
				r.Err = stopped
			} else {
				r.Err = fmt.Errorf("loading %s: %w", r.Image.Packed, l.explain(ctx, err))
			}
			return r.Err
		}
		return nil
	})
	<-read
	return err
}

// errFull is the cause of a load that a full disk has stopped.
var errFull = errors.New("no space is left on the disk of containerd")

// explain returns an error of a request. If nothing more can succeed, it stops the load.
func (l *loader) explain(ctx context.Context, err error) error {
	if stopped := context.Cause(ctx); stopped != nil {
		return stopped
	}
	switch {
	case errdefs.IsUnavailable(err):
		err = fmt.Errorf("containerd at %s went away: %w; run the same command again", l.client.options.Address, err)
	case strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		err = fmt.Errorf("%w: %w", errFull, err)
	default:
		return err
	}
	l.stop(err)
	return err
}

// image loads one image.
func (l *loader) image(ctx context.Context, img *load.Image) error {
	if err := l.unpack(ctx, img); err != nil {
		return err
	}
	for _, d := range l.client.documents(img) {
		_, err := l.documents.Do(ctx, fmt.Sprint(d.descriptor.Digest, len(d.labels)), func() (struct{}, error) { return struct{}{}, l.writeDocument(ctx, d) })
		if err != nil {
			return err
		}
	}
	for _, n := range append(img.Digests(), img.Names...) {
		if err := l.client.record(ctx, l.have, n, img.Target()); err != nil {
			return err
		}
	}
	return nil
}
