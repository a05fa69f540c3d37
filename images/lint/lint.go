package lint

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// Options control how an index is judged.
type Options struct {
	// Partial means that children may have been left out on purpose, as in an archive for one platform.
	Partial bool
	// Jobs is the maximum number of children that are read at the same time; 0 is 1.
	Jobs int
}

// Index judges an index. raw is its content, and in has its children, each of which is read once. Findings are ordered
// by severity, the worst first, then by the order of the index. If ctx ends, or if raw is not an index, Index returns
// an error.
func Index(ctx context.Context, raw []byte, in images.Manifests, o Options) ([]Finding, error) {
	m, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	children, err := readAll(ctx, m.Manifests, in, o.Jobs)
	if err != nil {
		return nil, err
	}
	all := judgeIndex(m)
	var chosen, attested []v1.Descriptor
	seen := map[string]bool{}
	for i, d := range m.Manifests {
		key := d.Digest.String()
		if d.Platform != nil {
			key += " " + images.ContainerdPlatform(*d.Platform)
		}
		if seen[key] {
			all = append(all, found(duplicateEntry, []v1.Hash{d.Digest}, "the %s is listed twice", describe(d)))
			continue
		}
		seen[key] = true
		c := children[i]
		all = append(all, judgeChild(d, c, o.Partial)...)
		switch {
		case images.IsAttestation(d):
			attested = append(attested, d)
			all = append(all, judgeAttestation(d, c)...)
		case d.MediaType.IsImage() && c.artifact == nil:
			all = append(all, judgePlatform(d, c.platform)...)
			if d.Platform != nil && d.Platform.OS != "" && d.Platform.Architecture != "" {
				chosen = append(chosen, d)
			}
		}
	}
	all = append(all, judgeSubjects(attested, m)...)
	all = append(all, judgeChoice(chosen)...)
	slices.SortStableFunc(all, func(a, b Finding) int {
		return slices.Index(Severities(), a.Severity) - slices.Index(Severities(), b.Severity)
	})
	return all, nil
}

// readAll reads the children of entries, each once.
func readAll(ctx context.Context, entries []v1.Descriptor, in images.Manifests, jobs int) ([]child, error) {
	first := map[string]int{}
	children := make([]child, len(entries))
	var distinct []int
	key := func(d v1.Descriptor) string { return d.Digest.String() + " " + string(d.MediaType) }
	for i, d := range entries {
		if _, ok := first[key(d)]; !ok {
			first[key(d)] = i
			distinct = append(distinct, i)
		}
	}
	err := parallel.Each(ctx, len(distinct), jobs, func(n int) error {
		children[distinct[n]] = read(in, entries[distinct[n]])
		return context.Cause(ctx)
	})
	for i, d := range entries {
		children[i] = children[first[key(d)]]
	}
	return children, err
}

// judgeIndex judges an index without its children.
func judgeIndex(m *v1.IndexManifest) (all []Finding) {
	if m.MediaType == "" {
		all = append(all, found(missingMediaType, nil, "the index states no mediaType"))
	}
	var runnable int
	var dockers, ocis []v1.Hash
	for _, d := range m.Manifests {
		if images.IsAttestation(d) {
			continue
		}
		if d.MediaType.IsImage() || d.MediaType.IsIndex() {
			runnable++
			if isDockers(d.MediaType) {
				dockers = append(dockers, d.Digest)
			} else {
				ocis = append(ocis, d.Digest)
			}
		}
	}
	switch docker := isDockers(m.MediaType); {
	case runnable == 0:
		all = append(all, found(emptyIndex, nil, "the index has no image"))
	case len(dockers) > 0 && len(ocis) > 0:
		all = append(all, found(mixedMediaTypes, dockers, "%d entries have Docker's media types, %d OCI's", len(dockers), len(ocis)))
	case docker && len(ocis) > 0:
		all = append(all, found(mixedMediaTypes, ocis, "Docker's manifest list has OCI images"))
	case !docker && len(dockers) > 0:
		all = append(all, found(mixedMediaTypes, dockers, "the OCI index has images with Docker's media types"))
	}
	return all
}

// judgeChoice judges which of several entries nodes take, in a time that is linear in the number of entries.
func judgeChoice(entries []v1.Descriptor) (all []Finding) {
	groups := map[string][]v1.Descriptor{}
	var names []string
	exact := map[images.PlatformKey]v1.Descriptor{}
	builds := map[images.PlatformKey]v1.Descriptor{}
	for _, d := range entries {
		p := images.Normalize(*d.Platform)
		if before, ok := exact[images.KeyOf(p)]; ok {
			all = append(all, found(duplicatePlatform, []v1.Hash{before.Digest, d.Digest}, "%s and %s are both for %s",
				before.Digest, d.Digest, images.FormatPlatform(p)))
			continue // nodes never take such an entry
		}
		exact[images.KeyOf(p)] = d
		name := p.OS
		if p.OS == "windows" {
			name += "/" + p.Architecture
			build := p
			build.OSVersion = images.WindowsBuild(p.OSVersion)
			if before, ok := builds[images.KeyOf(build)]; ok && build.OSVersion != "" {
				all = append(all, found(duplicateBuild, []v1.Hash{before.Digest, d.Digest}, "%s (%s) and %s (%s) are of one build",
					images.FormatPlatform(*before.Platform), before.Digest, images.FormatPlatform(*d.Platform), d.Digest))
				continue
			}
			builds[images.KeyOf(build)] = d
		}
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], d)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "windows/") {
			all = append(all, judgeWindowsOrder(groups[name])...)
		} else {
			all = append(all, judgeVariants(groups[name])...)
		}
	}
	return all
}
