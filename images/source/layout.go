package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// CutLayout splits oci:DIR[:NAME] and oci-layout://DIR[:TAG|@DIGEST]. ok is false for other references.
func CutLayout(s string) (dir, name string, ok bool) {
	rest, ok := strings.CutPrefix(s, "oci-layout://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "oci:"); !ok {
			return "", "", false
		}
	}
	dir, name = cutPath(rest)
	return dir, name, true
}

// cutPath splits PATH[:NAME] and PATH@DIGEST. In the second case, name is @DIGEST.
func cutPath(s string) (path, name string) {
	volume := ""
	if runtime.GOOS == "windows" && len(s) > 1 && s[1] == ':' {
		volume, s = s[:2], s[2:]
	}
	path, name, _ = strings.Cut(s, ":")
	// The colon in a digest is not the separator.
	for _, algorithm := range []string{"@sha256", "@sha512"} {
		if before, ok := strings.CutSuffix(path, algorithm); ok {
			return volume + before, s[len(before):]
		}
	}
	return volume + path, name
}

// A layoutSource is an OCI layout with its parsed index.json.
type layoutSource struct {
	*store.Store
	names *store.Names
	// state is the state of index.json before it was read.
	state fs.FileInfo
	// digests finds entries by digest, and tags finds entries that have only a bare tag.
	digests map[v1.Hash]v1.Descriptor
	tags    map[string][]v1.Descriptor
	// artifacts records whether entries are something other than images.
	mu        sync.Mutex
	artifacts map[v1.Hash]bool
}

// layouts has the OCI layouts that a Resolver has read. A pack of thousands of images resolves each in the same layout.
type layouts struct {
	mu    sync.Mutex
	byDir map[string]*layoutSource
}

// settled is the age of index.json from which its time identifies its content. File systems with a coarse clock (FAT: 2
// s) may give a later change the same time.
const settled = 2 * time.Second

// open returns a layout. It reads index.json again only if the file has changed.
func (l *layouts) open(dir string) (*layoutSource, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := os.Stat(filepath.Join(dir, "index.json"))
	if known := l.byDir[dir]; err == nil && known != nil && sameState(state, known.state) {
		return known, nil
	}
	layout, err := store.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	names, err := layout.Names()
	if err != nil {
		return nil, err
	}
	s := &layoutSource{Store: layout, names: names, state: state, digests: map[v1.Hash]v1.Descriptor{}, tags: map[string][]v1.Descriptor{},
		artifacts: map[v1.Hash]bool{}}
	for _, d := range slices.Backward(names.Entries()) {
		s.digests[d.Digest] = d
	}
	for _, d := range names.Entries() {
		if tag := bareTag(d); tag != "" {
			s.tags[tag] = append(s.tags[tag], d)
		}
	}
	if state != nil && time.Since(state.ModTime()) > settled {
		if l.byDir == nil {
			l.byDir = map[string]*layoutSource{}
		}
		l.byDir[dir] = s
	}
	return s, nil
}

func sameState(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// resolve finds an image of the layout in dir. name is a reference, a tag, a digest, a reference with a digest, or ""
// for the only image.
func (l *layouts) resolve(ctx context.Context, dir, name string) (*Resolved, error) {
	layout, err := l.open(dir)
	if err != nil {
		return nil, err
	}
	ref, digest, pinned := strings.Cut(name, "@")
	if _, err := v1.NewHash(name); err == nil {
		ref, digest, pinned = "", name, true
	}
	var d v1.Descriptor
	if pinned {
		d, err = layout.pinned(digest)
	} else {
		d, err = layout.named(ctx, ref)
	}
	if err != nil {
		return nil, err
	}
	out := &Resolved{Descriptor: d, Name: entryName(d, ref), Naming: namingEntry(dir, d, pinned)}
	if pinned {
		out.Name = pinnedName(ref, digest, entryName(d, ""))
	}
	if !d.MediaType.IsIndex() {
		out.Image, err = layout.Image(d.Digest)
		if err != nil && d.MediaType == "" {
			out.Index, err = layout.Index(d.Digest)
		}
	} else {
		out.Index, err = layout.Index(d.Digest)
	}
	if err != nil {
		return nil, err
	}
	out.Kept = out.Index
	if out.Index != nil {
		out.Raw, err = out.Index.RawManifest()
	} else {
		out.Raw, err = out.Image.RawManifest()
	}
	return out, err
}

// pinned returns the entry with a digest. A digest that index.json does not have may be in an index.
func (l *layoutSource) pinned(digest string) (v1.Descriptor, error) {
	h, err := parseDigest(digest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if d, ok := l.digests[h]; ok {
		return d, nil
	}
	return v1.Descriptor{Digest: h}, nil
}

func parseDigest(s string) (v1.Hash, error) {
	h, err := v1.NewHash(s)
	if err != nil {
		return h, usage.Errorf("digest %q: want sha256: and 64 hexadecimal digits", s)
	}
	return h, nil
}

// named finds an entry by name. A full name that the layout does not have can become the name of an entry without one,
// since skopeo, umoci, buildah and oras write layouts with bare tags or without names: of the entry with its tag, or
// else of the only one. Entries that are not images do not count.
func (l *layoutSource) named(ctx context.Context, name string) (v1.Descriptor, error) {
	d, err := l.names.Lookup(name)
	var several *store.AmbiguousError
	switch {
	case errors.As(err, &several):
		if several.Entries = l.withoutArtifacts(ctx, several.Entries); len(several.Entries) == 1 {
			return several.Entries[0], nil
		}
		return d, usage.Errorf("%w: select one by its full name, oci:%s:NAME, or by digest, oci:%[2]s@DIGEST", several, l.Dir())
	case !errors.Is(err, fs.ErrNotExist) || !isFull(name):
		return d, err
	}
	tag, refErr := images.ParseTag(name)
	if refErr != nil {
		return d, err
	}
	if same := l.withoutArtifacts(ctx, l.tags[tag.TagStr()]); len(same) == 1 {
		return same[0], nil
	}
	entries := l.withoutArtifacts(ctx, l.names.Entries())
	unnamed := slices.DeleteFunc(slices.Clone(entries), func(d v1.Descriptor) bool { return entryName(d, "") != "" })
	switch {
	case len(unnamed) == 0:
		return d, err
	case len(unnamed) == 1 && len(entries) == 1:
		return unnamed[0], nil
	}
	return d, fmt.Errorf("%w: to name one of them, select it by digest: oci:%s:%s@DIGEST", err, l.Dir(), name)
}

// withoutArtifacts returns the entries that are images, or cannot be read. It warns about each other entry, such as a
// chart, once. A single entry is returned unchanged.
func (l *layoutSource) withoutArtifacts(ctx context.Context, entries []v1.Descriptor) []v1.Descriptor {
	if len(entries) < 2 {
		return entries
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(entries), func(d v1.Descriptor) bool {
		is, known := l.artifacts[d.Digest]
		if known || d.MediaType == "" { // some programs write none
			return is
		}
		artifact, ok := images.EntryArtifact(l, d).(*images.ArtifactError)
		if ok {
			progress.Warn(ctx, fmt.Sprintf("layout %s: %s is %v: left out", l.Dir(), cmp.Or(entryName(d, ""), d.Annotations[images.RefNameAnnotation], d.Digest.String()), artifact))
		}
		l.artifacts[d.Digest] = ok || images.IsAttestation(d)
		return l.artifacts[d.Digest]
	})
}

// ImageIndex is Index by its name in images.Manifests.
func (l *layoutSource) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return l.Index(h) }

// isFull reports whether a name is more than a tag.
func isFull(name string) bool { return strings.ContainsAny(name, "/:") }

// bareTag returns the tag of an entry without a full name, or "".
func bareTag(d v1.Descriptor) string {
	if name := d.Annotations[images.RefNameAnnotation]; d.Annotations[images.ContainerdNameAnnotation] == "" && !isFull(name) {
		return name
	}
	return ""
}

// entryName returns the full name of an entry: its own if it has a registry and a tag, or else the one that the user
// gave.
func entryName(d v1.Descriptor, given string) string {
	for _, name := range []string{d.Annotations[images.ContainerdNameAnnotation], d.Annotations[images.RefNameAnnotation]} {
		if _, err := images.ParseReference(name); err == nil && hasTag(name) {
			return name
		}
	}
	if isFull(given) {
		return given
	}
	return ""
}

// hasTag reports whether a name has a registry and a tag.
func hasTag(text string) bool {
	host, _, ok := strings.Cut(text, "/")
	return ok && (host == "localhost" || strings.ContainsAny(host, ".:")) && images.HasTag(text)
}

// exampleName is a placeholder for a full name in messages.
const exampleName = "REGISTRY/REPOSITORY"

// namingEntry returns instructions for giving an entry a full name.
func namingEntry(dir string, d v1.Descriptor, pinned bool) string {
	tag := bareTag(d)
	if tag == "" {
		tag = "TAG"
	}
	naming := fmt.Sprintf("name it: oci:%s:%s:%s", dir, exampleName, tag)
	if pinned {
		naming += "@" + d.Digest.String()
	}
	return naming
}
