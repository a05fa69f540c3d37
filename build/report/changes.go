package report

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// Changes are the differences of a release from an earlier one.
type Changes struct {
	// With names the earlier release, and Earlier is its version.
	With    string          `json:"with"`
	Earlier version.Release `json:"earlier"`
	// Artifacts are the files, images and indexes that differ.
	Artifacts []ArtifactChange `json:"artifacts"`
	// Images are those of archives, and of the release, that differ.
	Images []ImageChange `json:"images"`
	// Packages are the software of SBOMs with other versions. It is empty unless both releases have SBOMs.
	Packages []PackageChange `json:"packages"`
	// Updates are what operators carry to nodes that have the earlier archives.
	Updates []UpdateCost `json:"updates"`
}

// The kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// An ArtifactChange is a difference of what two releases consist of.
type ArtifactChange struct {
	Status   string          `json:"status"`
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Platform images.Platform `json:"platform,omitzero"`
	// Where is the path or the tag, that of the earlier release if it was removed.
	Where string `json:"where"`
	// OldSize and Size are in bytes; one of them is 0 if the artifact was added or removed.
	OldSize int64 `json:"oldSize"`
	Size    int64 `json:"size"`
}

// Growth returns the number of bytes that were added.
func (c ArtifactChange) Growth() int64 { return c.Size - c.OldSize }

// ByGrowth returns the artifacts with the largest changes first.
func (c *Changes) ByGrowth() []ArtifactChange {
	abs := func(n int64) int64 { return max(n, -n) }
	all := slices.Clone(c.Artifacts)
	slices.SortStableFunc(all, func(a, b ArtifactChange) int { return cmp.Compare(abs(b.Growth()), abs(a.Growth())) })
	return all
}

// Carried returns the sum of all updates.
func (c *Changes) Carried() (total cost.Sizes) {
	for _, u := range c.Updates {
		total = total.Plus(u.Sizes)
	}
	return total
}

// An ImageChange is a difference of an image for one platform.
type ImageChange struct {
	Status   string          `json:"status"`
	Platform images.Platform `json:"platform,omitzero"`
	// Old and New are references. They are the same if the image was made again under its name.
	Old     string `json:"old"`
	New     string `json:"new"`
	OldSize int64  `json:"oldSize"`
	Size    int64  `json:"size"`
}

// A PackageChange is software whose versions differ. A list is empty if a release does not have it.
type PackageChange struct {
	Name string   `json:"name"`
	Old  []string `json:"old"`
	New  []string `json:"new"`
}

// An UpdateCost is what the step from one archive to the next costs.
type UpdateCost struct {
	// Name is that of the file of the archive.
	Name string `json:"name"`
	cost.Sizes
}

// Measure returns what the update from one archive to another costs.
type Measure func(ctx context.Context, old, new string) (*cost.Update, error)

// Compare adds the differences from an earlier release, which is named with. The notes of r say what could not be measured.
// measure may be nil.
func (r *Document) Compare(ctx context.Context, own *Source, with string, earlier *Source, measure Measure) error {
	old, err := earlier.Read(ctx)
	if err != nil {
		return err
	}
	c := &Changes{With: with, Earlier: old.Release, Artifacts: artifactChanges(old, r), Images: imageChanges(old, r), Packages: []PackageChange{}, Updates: []UpdateCost{}}
	if len(old.Packages) > 0 && len(r.Packages) > 0 {
		c.Packages = packageChanges(old.Packages, r.Packages)
	}
	r.Changes = c
	if measure == nil {
		return nil
	}
	archives := map[string]string{}
	for _, a := range old.Archives {
		archives[archiveKey(a, old.Release)] = a.Path
	}
	for _, a := range r.Archives {
		before := archives[archiveKey(a, r.Release)]
		if before == "" {
			continue
		}
		total, err := measureUpdate(ctx, own, a.Path, earlier, before, measure)
		if err != nil {
			(&collector{report: r}).note("measuring the update of "+a.Path, err)
			continue
		}
		c.Updates = append(c.Updates, UpdateCost{path.Base(a.Path), total})
	}
	return ctx.Err()
}

// measureUpdate measures the update from an archive of the earlier release to one of the own release.
func measureUpdate(ctx context.Context, own *Source, archive string, earlier *Source, before string, measure Measure) (cost.Sizes, error) {
	from, err := earlier.locate(ctx, before)
	if err != nil {
		return cost.Sizes{}, err
	}
	to, err := own.locate(ctx, archive)
	if err != nil {
		return cost.Sizes{}, err
	}
	u, err := measure(ctx, from, to)
	if err != nil {
		return cost.Sizes{}, err
	}
	return u.Total, nil
}

// archiveKey is the same for the archives of a list in two releases, in any format.
func archiveKey(a SizedArchive, of version.Release) string {
	return release.Made{Path: format.Base(a.Path)}.Identity(of)
}

func artifactChanges(old, now *Document) []ArtifactChange {
	earlier, out := map[string]release.Made{}, []ArtifactChange{}
	for _, m := range old.Made {
		earlier[m.Identity(old.Release)] = m
	}
	for _, m := range now.Made {
		id := m.Identity(now.Release)
		was, ok := earlier[id]
		delete(earlier, id)
		c := ArtifactChange{Changed, m.Kind, m.Name, m.Platform, m.Where(), was.Size, m.Size}
		if !ok {
			c.Status = Added
		}
		if was.Digest != m.Digest {
			out = append(out, c)
		}
	}
	for _, m := range old.Made {
		if _, ok := earlier[m.Identity(old.Release)]; ok {
			out = append(out, ArtifactChange{Removed, m.Kind, m.Name, m.Platform, m.Where(), m.Size, 0})
		}
	}
	return out
}

// An entry is an image of a release by which releases are compared.
type entry struct {
	ref, digest string
	platform    images.Platform
	size        int64
}

// repository identifies an image without its tag and version of Windows.
func (e entry) repository() string {
	name, _, _ := strings.Cut(e.ref, "@")
	if ref, err := images.ParseReference(e.ref); err == nil {
		name = ref.Context().Name()
	}
	platform := e.platform.Platform
	platform.OSVersion, _ = cutLast(platform.OSVersion, '.')
	return name + " " + images.FormatPlatform(platform)
}

// cutLast cuts a text at its last separator.
func cutLast(s string, separator byte) (before, after string) {
	if i := strings.LastIndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// entries returns the images of archives by repository, and those of the release that no archive has.
func entries(r *Document) map[string][]entry {
	found, packed := map[string][]entry{}, map[string]bool{}
	add := func(e entry) {
		key := e.repository()
		if !slices.ContainsFunc(found[key], func(o entry) bool { return o.ref == e.ref && o.digest == e.digest }) {
			found[key] = append(found[key], e)
		}
	}
	for _, a := range r.Archives {
		for _, i := range a.Images {
			size := int64(0)
			for _, l := range i.Layers {
				size += l.Size
			}
			e := entry{i.Image, i.Digest, i.Platform, size}
			packed[e.repository()] = true
			add(e)
		}
	}
	for _, m := range r.Made {
		e := entry{familiar(m.Ref), m.Digest, m.Platform, m.Size}
		if m.Kind == "image" && !packed[e.repository()] {
			add(e)
		}
	}
	return found
}

func imageChanges(old, now *Document) []ImageChange {
	before, after := entries(old), entries(now)
	out := []ImageChange{}
	for _, key := range keysOf(before, after) {
		removed, added := without(before[key], after[key]), without(after[key], before[key])
		for len(removed) > 0 && len(added) > 0 {
			o, n := removed[0], added[0]
			out = append(out, ImageChange{Changed, n.platform, o.ref, n.ref, o.size, n.size})
			removed, added = removed[1:], added[1:]
		}
		for _, e := range removed {
			out = append(out, ImageChange{Status: Removed, Platform: e.platform, Old: e.ref, OldSize: e.size})
		}
		for _, e := range added {
			out = append(out, ImageChange{Status: Added, Platform: e.platform, New: e.ref, Size: e.size})
		}
	}
	return out
}

// without returns the entries that others do not have, sorted by reference.
func without(list, others []entry) (out []entry) {
	for _, e := range list {
		if !slices.ContainsFunc(others, func(o entry) bool { return o.digest == e.digest }) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b entry) int { return cmp.Compare(a.ref, b.ref) })
	return out
}

func packageChanges(old, now []Software) []PackageChange {
	before, after := map[string][]string{}, map[string][]string{}
	for _, p := range old {
		before[p.Name] = p.Versions
	}
	for _, p := range now {
		after[p.Name] = p.Versions
	}
	out := []PackageChange{}
	for _, name := range keysOf(before, after) {
		if !slices.Equal(before[name], after[name]) {
			out = append(out, PackageChange{name, append([]string{}, before[name]...), append([]string{}, after[name]...)})
		}
	}
	return out
}

// keysOf returns the keys of two maps, sorted.
func keysOf[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
