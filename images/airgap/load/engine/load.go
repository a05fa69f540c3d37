package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// A Client loads images into one engine.
type Client struct {
	docker *docker.Client
	info   docker.Info
	// Podman reports that the engine is Podman.
	Podman bool
	// Version is the version of the engine.
	Version string
}

// Connect connects to an engine, and waits up to wait until it answers.
func Connect(ctx context.Context, o docker.Options, wait time.Duration) (*Client, error) {
	client, err := docker.Connect(o)
	if err != nil {
		return nil, fmt.Errorf("connecting to the engine at %s: %w", o.Host(), err)
	}
	c := &Client{docker: client}
	if err := c.prepare(ctx, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the engine at %s: %w", o.Host(), err), client.Close())
	}
	return c, nil
}

// prepare waits until the engine answers, and learns what it is.
func (c *Client) prepare(ctx context.Context, wait time.Duration) error {
	err := load.WaitFor(ctx, wait, func() (done bool, err error) {
		c.info, err = c.docker.Info(ctx)
		return err == nil || !docker.Unreachable(err), err
	})
	if err != nil {
		return err
	}
	podman, err := c.docker.Podman(ctx)
	c.Podman, c.Version = podman != "", cmp.Or(podman, c.info.Version)
	return err
}

// Close closes the connections.
func (c *Client) Close() error { return c.docker.Close() }

// Load loads images, and returns a result for each, or nil if the engine does not say what it has. The engine takes all
// that it lacks in one piece. The archives must stay open.
func (c *Client) Load(ctx context.Context, list []*load.Image) ([]load.Result, error) {
	have, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]load.Result, len(list))
	ids := make([]string, len(list))
	var send []*load.Image
	var at []int
	for i, img := range list {
		if ids[i], err = c.idOf(ctx, have, img); err != nil {
			return nil, err
		}
		results[i] = load.Result{Image: img, Status: load.Present}
		if ids[i] == "" {
			send, at = append(send, img), append(at, i)
		}
	}
	for i, img := range list {
		if ids[i] == "" {
			continue
		}
		results[i].Status, results[i].Err = c.name(ctx, have, ids[i], img)
		if err := results[i].Err; docker.Unreachable(err) { // nothing that follows can succeed
			for k := range results {
				if k > i || ids[k] == "" {
					results[k].Status, results[k].Err = load.Failed, err
				}
			}
			return results, err
		}
	}
	if len(send) > 0 {
		sent, err := c.send(ctx, have, send)
		for k, i := range at {
			if err != nil {
				results[i].Status, results[i].Err = load.Failed, err
				continue
			}
			results[i].Status, results[i].Bytes = load.Loaded, sent.bytes[k]
		}
	}
	var errs []error
	reported := map[error]bool{}
	for _, r := range results {
		if r.Err != nil && !reported[r.Err] {
			reported[r.Err] = true
			errs = append(errs, r.Err)
		}
	}
	return results, errors.Join(errs...)
}

// An inventory is what an engine has.
type inventory struct {
	ids   map[string]bool
	names map[string]string // IDs by qualified name
}

// idOf returns the ID of an image, or "" if the engine does not have it.
func (c *Client) idOf(ctx context.Context, have *inventory, img *load.Image) (string, error) {
	for _, id := range []string{img.Packed.ID.String(), img.Packed.Manifest.Digest.String()} {
		if have.ids[id] {
			return id, nil
		}
	}
	id := img.Target().Digest.String()
	if !have.ids[id] {
		return "", nil
	}
	// containerd's store lists an index of which it has any platform. What it has for its own is inspected.
	var want []v1.Hash
	for _, l := range img.Packed.Layers {
		want = append(want, l.DiffID)
	}
	there, err := c.docker.DiffIDs(ctx, id)
	if err != nil || !slices.Equal(there, want) {
		return "", err
	}
	return id, nil
}

// name gives an image that the engine has under an ID the names that it lacks.
func (c *Client) name(ctx context.Context, have *inventory, id string, img *load.Image) (load.Status, error) {
	status := load.Present
	for _, n := range img.Names {
		if have.names[n] == id {
			continue
		}
		if err := c.docker.Tag(ctx, id, n); err != nil {
			return load.Failed, err
		}
		status = load.Loaded
	}
	return status, nil
}

func (c *Client) take(ctx context.Context) (*inventory, error) {
	list, err := c.docker.Images(ctx)
	if err != nil {
		return nil, err
	}
	i := &inventory{ids: map[string]bool{}, names: map[string]string{}}
	for _, img := range list {
		i.ids[img.ID] = true
		for _, tag := range img.Tags {
			if ref, err := images.ParseTag(tag); err == nil { // <none>:<none> is none
				i.names[images.Qualified(ref)] = img.ID
			}
		}
	}
	return i, nil
}

// chains returns the chains of layers that an engine with its own image store has, each as its diff IDs.
func (c *Client) chains(ctx context.Context, have *inventory) (map[string]bool, error) {
	there := map[string]bool{}
	for id := range have.ids {
		diffIDs, err := c.docker.DiffIDs(ctx, id)
		if err != nil {
			return nil, err
		}
		for n := range diffIDs {
			there[chainOf(diffIDs[:n+1])] = true
		}
	}
	return there, nil
}

// send sends images to the engine. If it removed a layer meanwhile, all are sent.
func (c *Client) send(ctx context.Context, have *inventory, list []*load.Image) (*sending, error) {
	chains := map[string]bool{}
	if c.info.Classic && !c.Podman {
		var err error
		if chains, err = c.chains(ctx, have); err != nil {
			return nil, err
		}
	}
	s := newSending(list, chains)
	first := c.sendAll(ctx, s)
	if cause := context.Cause(ctx); first != nil && cause != nil {
		return s, cause // whatever failed first because of it
	}
	if first == nil || len(chains) == 0 || s.unreadable || docker.Unreachable(first) {
		return s, first
	}
	s = newSending(list, nil)
	if err := c.sendAll(ctx, s); err != nil {
		return s, errors.Join(parallel.Distinct([]error{first, err})...)
	}
	return s, nil
}

func (c *Client) sendAll(ctx context.Context, s *sending) (err error) {
	task := progress.Start(ctx, fmt.Sprintf("load %d images", len(s.list)))
	task.SetTotal(s.size())
	defer func() { task.Done(err) }()
	layout := !c.info.Classic // containerd's store keeps the digests of an OCI layout
	return c.docker.LoadArchive(ctx, func(w io.Writer) error { return s.write(ctx, io.MultiWriter(w, task), layout) })
}
