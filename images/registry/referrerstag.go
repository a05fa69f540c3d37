package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/progress"
)

// merges is the number of times that the index under a referrers tag is written before giving up. More than one is
// needed only if other clients write it at the same time.
const merges = 20

// Limits of the time between writing the index under a referrers tag and reading it back.
const (
	minSettle = 200 * time.Millisecond
	maxSettle = 5 * time.Second
)

// addToReferrersTag adds referrers to the index under a referrers tag.
//
// Another client that has read the old index may overwrite the new one. Registries do not prevent this: the
// specification permits conditional requests, but registries ignore them. The index is therefore read back after
// several times as long as it took to read, merge and write it, and written again if entries are missing. Another Slipway
// does the same, so that none of the entries of both is lost.
func (c *Client) addToReferrersTag(ctx context.Context, e *transport.Endpoint, tag name.Tag, referrers []v1.Descriptor) error {
	release, err := c.writing(tag.Name()).Acquire(ctx)
	if err != nil {
		return transport.Ended(ctx)
	}
	defer release()
	for range merges {
		began := time.Now()
		written, err := c.mergeReferrers(ctx, e, tag, referrers)
		if err != nil || !written {
			return err
		}
		settle := min(max(4*time.Since(began), c.settle), maxSettle)
		timer := time.NewTimer(settle + rand.N(settle/4))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return transport.Ended(ctx)
		}
	}
	return fmt.Errorf("other clients have overwritten it %d times: run the command again", merges)
}

// mergeReferrers reads the index under a referrers tag and writes it again if it lacks referrers.
func (c *Client) mergeReferrers(ctx context.Context, e *transport.Endpoint, tag name.Tag, referrers []v1.Descriptor) (written bool, err error) {
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	err = c.pace.Try(ctx, func() error {
		d, raw, err := getManifest(ctx, e, tag)
		if isAbsent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		// The specification forbids to overwrite anything else.
		if !d.MediaType.IsIndex() {
			return &transport.LocalError{Err: fmt.Errorf("%s is not an index of referrers but %s: delete the tag, which clients reserve for referrers", images.Familiar(tag), d.MediaType)}
		}
		return json.Unmarshal(raw, &list)
	})
	if err != nil || !images.AddReferrers(&list, referrers) {
		return false, err
	}
	err = c.putReferrers(ctx, e, tag, list)
	var answer *transport.AnswerError
	if !errors.As(err, &answer) || !answer.Has("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN") {
		return true, err
	}
	// The index lists manifests that the registry has deleted meanwhile.
	if err := c.dropAbsent(ctx, e, tag, &list, referrers); err != nil {
		return false, err
	}
	return true, c.putReferrers(ctx, e, tag, list)
}

// putReferrers writes an index under a referrers tag.
func (c *Client) putReferrers(ctx context.Context, e *transport.Endpoint, tag name.Tag, list v1.IndexManifest) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	d := v1.Descriptor{MediaType: list.MediaType, Size: int64(len(raw))}
	if d.MediaType == "" {
		d.MediaType = types.OCIImageIndex
	}
	if d.Digest, _, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return err
	}
	_, err = c.putManifest(ctx, e, tag, d, raw)
	return err
}

// dropAbsent removes the entries of an index that a registry does not have, except for those in keep.
func (c *Client) dropAbsent(ctx context.Context, e *transport.Endpoint, tag name.Tag, list *v1.IndexManifest, keep []v1.Descriptor) error {
	var dropped []v1.Descriptor
	var kept []v1.Descriptor
	for _, d := range list.Manifests {
		found := present
		if !slices.ContainsFunc(keep, func(k v1.Descriptor) bool { return k.Digest == d.Digest }) {
			err := c.pace.Try(ctx, func() (err error) {
				_, found, err = head(ctx, c.requests, e, "manifests", d.Digest.String(), accept)
				return err
			})
			if err != nil {
				return err
			}
		}
		if found == absent {
			dropped = append(dropped, d)
		} else {
			kept = append(kept, d)
		}
	}
	if len(dropped) > 0 {
		progress.Warn(ctx, fmt.Sprintf("%s has listed referrers that the registry no longer has; they were removed from the list: %s", images.Familiar(tag), describeReferrers(dropped)))
	}
	list.Manifests = kept
	return nil
}
