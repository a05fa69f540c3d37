package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/assemble"
)

// An origin is what one artifact, image or index is made from.
type origin struct {
	dependencies []proof.Dependency
	// binaries are the outputs of the binaries in it.
	binaries []string
	// binary is what the artifact says of itself, if it is a Go binary.
	binary proof.GoBinary
}

// origins are those of artifacts that are known while they are made, by path.
type origins struct {
	mu    sync.Mutex
	known map[string]origin
}

func (o *origins) note(outputs []string, made origin) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[string]origin{}
	}
	for _, output := range outputs {
		o.known[output] = made
	}
}

// noteArchive notes the images of an archive.
func (r *Release) noteArchive(step plan.ArchiveStep, content []pack.Image) error {
	if r.Plan.Provenance == nil {
		return nil
	}
	var made origin
	for _, c := range content {
		digest, err := c.Image.Digest()
		if err != nil {
			return err
		}
		made.dependencies = append(made.dependencies, imageDependency(c.Names[0], digest))
	}
	r.origins.note(step.Outputs, made)
	return nil
}

// noteBundle notes the binaries of a bundle, of which sources are the files.
func (r *Release) noteBundle(step plan.BundleStep, sources []string) {
	if r.Plan.Provenance == nil {
		return
	}
	in := map[string]bool{}
	for _, source := range sources {
		in[source] = true
	}
	var made origin
	for _, b := range r.full.Binaries {
		if in[r.path(b.Output)] {
			made.binaries = append(made.binaries, b.Output)
		}
	}
	r.origins.note(step.Outputs, made)
}

// originsOf returns what the subject of a proof is made from, except for what everything is made from.
func (r *Release) originsOf(ctx context.Context, p plan.Proof) (origin, error) {
	if step, ok := r.full.Image(p.Subject); ok {
		return r.imageOrigin(ctx, step)
	}
	if step, ok := r.full.Index(p.Subject); ok {
		return r.indexOrigin(step)
	}
	for _, b := range r.full.Binaries {
		if b.Artifact == p.Subject {
			made, _ := proof.ReadGoBinary(r.path(p.Subject))
			sums, err := r.moduleSums(ctx, b)
			return origin{dependencies: slices.Concat(r.fetched(), sums, made.Dependencies), binary: made}, err
		}
	}
	r.origins.mu.Lock()
	made := r.origins.known[p.Subject]
	r.origins.mu.Unlock()
	if slices.ContainsFunc(r.full.Bundles, func(s plan.BundleStep) bool { return slices.Contains(s.Outputs, p.Subject) }) {
		binaries, err := r.binaryDependencies(ctx, made.binaries)
		made.dependencies = slices.Concat(made.dependencies, r.fetched(), binaries)
		return made, err
	}
	return made, nil
}

// commonOrigins returns what everything is made from: the commit, the configuration and the lock.
func (r *Release) commonOrigins(ctx context.Context) ([]proof.Dependency, error) {
	var found []proof.Dependency
	if commit := r.Plan.Release.Commit; commit != "" {
		source := r.Plan.Provenance.Source
		if source == "" {
			source = version.Remote(ctx, r.Config.Dir)
		}
		algorithm := "gitCommit"
		if len(commit) != 40 {
			algorithm = "sha256" // of such a repository; in-toto's types know commits of SHA-1 alone
		}
		d := proof.Dependency{Name: "source", Digest: map[string]string{algorithm: commit}}
		if source != "" {
			d.URI = "git+" + strings.TrimPrefix(source, "git+") + "@" + commit
		}
		found = append(found, d)
	}
	files := []string{r.Config.File}
	if r.options.Locked {
		files = append(files, r.lockPath())
	}
	for _, file := range files {
		d, err := r.fileDependency(ctx, path.Base(filepath.ToSlash(file)), file)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// fetched returns the files of other projects that this release fetches. The URL of a local file says nothing elsewhere.
func (r *Release) fetched() []proof.Dependency {
	var found []proof.Dependency
	for _, f := range r.full.Fetches {
		d := proof.Dependency{Name: f.Path, Digest: map[string]string{"sha256": f.SHA256}}
		if !strings.HasPrefix(f.URL, "file:") {
			d.URI = f.URL
		}
		found = append(found, d)
	}
	return found
}

// moduleSums returns the go.sum of a binary's module.
func (r *Release) moduleSums(ctx context.Context, b plan.BinaryStep) ([]proof.Dependency, error) {
	if b.Prebuilt != "" {
		return nil, nil
	}
	planned := path.Join(b.Module, "go.sum")
	d, err := r.fileDependency(ctx, planned, r.path(planned))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // of a module without dependencies
	}
	return []proof.Dependency{d}, err
}

// binaryDependencies returns binaries, and the go.sum of their modules.
func (r *Release) binaryDependencies(ctx context.Context, outputs []string) ([]proof.Dependency, error) {
	var found []proof.Dependency
	for _, b := range r.full.Binaries {
		if !slices.Contains(outputs, b.Output) {
			continue
		}
		d, err := r.fileDependency(ctx, b.Output, r.path(b.Output))
		if err != nil {
			return nil, err
		}
		sums, err := r.moduleSums(ctx, b)
		if err != nil {
			return nil, err
		}
		found = append(append(found, d), sums...)
	}
	return found, nil
}

// fileDependency returns a file with its digest. name is its path in the plan, or else what it is called.
func (r *Release) fileDependency(ctx context.Context, name, file string) (proof.Dependency, error) {
	if digest, ok := r.report.digest(name); ok {
		return proof.Dependency{Name: name, Digest: map[string]string{digest.Algorithm: digest.Hex}}, nil
	}
	digest, _, err := r.sourceDigest(ctx, file)
	return proof.Dependency{Name: name, Digest: map[string]string{digest.Algorithm: digest.Hex}}, err
}

// imageOrigin returns the Dockerfile of an image, its base images, and the binaries and artifacts in it.
func (r *Release) imageOrigin(ctx context.Context, step plan.ImageStep) (made origin, err error) {
	// ONBUILD of a base may copy all of the context, but hardly a binary for another platform.
	ported := slices.DeleteFunc(slices.Clone(r.full.Binaries), func(b plan.BinaryStep) bool {
		return b.Platform.OS != step.Platform.OS || b.Platform.Architecture != step.Platform.Architecture
	})
	// The binaries that it may contain must not depend on where this dist is.
	for _, b := range r.readByImagesIn(output.Folder{Project: r.Config.Dir}, []plan.ImageStep{step}, ported) {
		made.binaries = append(made.binaries, b.Output)
	}
	dockerfile, err := r.fileDependency(ctx, step.Dockerfile, r.path(step.Dockerfile))
	if err != nil {
		return made, err
	}
	binaries, err := r.binaryDependencies(ctx, made.binaries)
	if err != nil {
		return made, err
	}
	made.dependencies = slices.Concat([]proof.Dependency{dockerfile}, r.fetched(), binaries)
	bases, err := r.baseDependencies(step)
	if err != nil {
		return made, err
	}
	made.dependencies = append(made.dependencies, bases...)
	var needed []string
	for _, a := range r.full.ArchivesFor(step) {
		needed = append(needed, a.Outputs...)
	}
	for _, b := range r.full.BundlesFor(step) {
		needed = append(needed, b.Outputs...)
	}
	for _, planned := range needed {
		for _, file := range r.folder.Files(planned) {
			d, err := r.fileDependency(ctx, file, r.path(file))
			if err != nil {
				return made, err
			}
			made.dependencies = append(made.dependencies, d)
		}
	}
	return made, nil
}

// baseDependencies returns the base images that the builder of an image got. Those of a Dockerfile for another frontend
// are unknown.
func (r *Release) baseDependencies(step plan.ImageStep) ([]proof.Dependency, error) {
	graph, err := assemble.New(assemble.Options{}).Graph(r.buildContext(step))
	if err != nil {
		return nil, nil
	}
	bases, err := graph.BaseImages()
	if err != nil {
		return nil, nil
	}
	var found []proof.Dependency
	for _, b := range bases {
		ref, err := images.ParseReference(images.TrimTransport(b.Ref))
		if err != nil {
			return nil, err
		}
		if digest, ok := r.bench.Bases.Digest(b.Ref, b.Platform); ok {
			found = append(found, imageDependency(ref, digest))
		}
	}
	return found, nil
}

// indexOrigin returns the members of an index.
func (r *Release) indexOrigin(step plan.IndexStep) (made origin, err error) {
	for _, member := range step.Members {
		d, err := r.layout.Lookup(member)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another run makes it
		}
		if err != nil {
			return made, err
		}
		ref, err := images.ParseReference(member)
		if err != nil {
			return made, err
		}
		made.dependencies = append(made.dependencies, imageDependency(ref, d.Digest))
	}
	return made, nil
}

// imageDependency returns an image as a package URL (https://github.com/package-url/purl-spec, type oci).
func imageDependency(ref name.Reference, digest v1.Hash) proof.Dependency {
	repository := ref.Context().Name()
	qualifiers := url.Values{"repository_url": {repository}}
	if tag, ok := ref.(name.Tag); ok {
		qualifiers.Set("tag", tag.TagStr())
	}
	return proof.Dependency{
		URI:    fmt.Sprintf("pkg:oci/%s@%s?%s", path.Base(repository), url.QueryEscape(digest.String()), qualifiers.Encode()),
		Digest: map[string]string{digest.Algorithm: digest.Hex},
	}
}
