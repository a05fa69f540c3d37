package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
)

// A Plan contains everything that a release consists of; see the package.
type Plan struct {
	Project string          `json:"project"`
	Release version.Release `json:"release"`
	Fetches []FetchStep     `json:"fetches,omitempty"`
	Hooks
	Binaries     []BinaryStep         `json:"binaries"`
	Images       []ImageStep          `json:"images"`
	Indexes      []IndexStep          `json:"indexes"`
	Archives     []ArchiveStep        `json:"archives"`
	Lists        []ListStep           `json:"lists"`
	Bundles      []BundleStep         `json:"bundles"`
	SBOMs        []SBOMStep           `json:"sboms,omitempty"`
	Checksums    []SumStep            `json:"checksums"`
	Provenance   *Provenance          `json:"provenance,omitempty"` // nil for none
	VEX          []VEXStep            `json:"vex,omitempty"`
	Sign         *config.Sign         `json:"sign,omitempty"` // nil for none
	Destinations []config.Destination `json:"destinations"`
	// Skipped are the platforms of the configuration that the filter omits.
	Skipped []string `json:"skipped,omitempty"`
}

// A BinaryStep compiles one main package for one platform.
type BinaryStep struct {
	Name     string          `json:"name"`
	Platform images.Platform `json:"platform"`
	Module   string          `json:"module"`
	Package  string          `json:"package"`
	// Prebuilt is the path of a binary made elsewhere, which is not compiled. Source is its position in slipway.yaml.
	Prebuilt string   `json:"prebuilt,omitempty"`
	Source   string   `json:"source,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Ldflags  []string `json:"ldflags,omitempty"`
	// Flags are more arguments of go build, with -buildmode, -gcflags and -asmflags.
	Flags  []string          `json:"flags,omitempty"`
	Env    map[string]string `json:"env,omitempty"`
	Assert []string          `json:"assert,omitempty"`
	Output string            `json:"output"`
	// Artifact is its path in dist/artifacts, or empty if it is released only as a part of other artifacts.
	Artifact string `json:"artifact,omitempty"`
	Hooks
}

// An ImageStep makes one image for one platform and, for Windows, one version.
type ImageStep struct {
	Image    string          `json:"image"`
	Platform images.Platform `json:"platform"`
	// Windows is the name of the Windows version, such as ltsc2022.
	Windows string `json:"windows,omitempty"`
	// Ref is the tag for this platform.
	Ref        string             `json:"ref"`
	Dockerfile string             `json:"dockerfile"`
	Context    string             `json:"context"`
	Target     string             `json:"target,omitempty"`
	Args       map[string]string  `json:"args,omitempty"`
	Labels     map[string]string  `json:"labels,omitempty"`
	Contexts   map[string]string  `json:"contexts,omitempty"`
	Builder    images.BuilderKind `json:"builder"`
	// Address is the address of the BuildKit for this platform; empty means the one for all platforms. Addresses are all
	// that share its builds, if there are several.
	Address   string        `json:"address,omitempty"`
	Addresses []string      `json:"addresses,omitempty"`
	Format    images.Format `json:"format"`
	// Modes are the modes of files of contexts; empty means normal.
	Modes images.Modes `json:"modes,omitempty"`
	// Needs are the artifacts that are made before the image; see Plan.ArchivesFor and Plan.BundlesFor.
	Needs config.Needs `json:"needs,omitzero"`
	config.EngineOpts
	Hooks
}

// An IndexStep makes an index of other tags.
type IndexStep struct {
	Image       string            `json:"image"`
	Ref         string            `json:"ref"`
	Members     []string          `json:"members"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Platform means that the index is the tag of one platform itself, with the Windows versions of one architecture.
	Platform *images.Platform `json:"platform,omitempty"`
	// Tags are additional tags under which it is published.
	Tags []TagStep `json:"tags,omitempty"`
}

// An ArchiveStep writes the images of a list, for one platform, to one archive in several formats.
type ArchiveStep struct {
	List     string          `json:"list"`
	Platform images.Platform `json:"platform"`
	Windows  string          `json:"windows,omitempty"`
	Images   []ArchiveImage  `json:"images"`
	Outputs  []string        `json:"outputs"`
	// Text is the path of the text list, or empty.
	Text   string               `json:"text,omitempty"`
	Layers images.ArchiveLayers `json:"layers"`
	Level  images.ZstdLevel     `json:"level"`
	// Split limits the size of one file, in bytes; 0 means no limit.
	Split int64 `json:"split,omitempty"`
	// SBOMs are the formats of the SBOMs of its images that the archive carries.
	SBOMs []string `json:"sboms,omitempty"`
}

// An ArchiveImage is an image of an archive.
type ArchiveImage struct {
	// Names are its names in the archive. The first is in the text list.
	Names []string `json:"names"`
	// Own is the tag of an own image for the platform (ImageStep.Ref), and empty for other images.
	Own string `json:"own,omitempty"`
	// Source is the file:line of the reference in a list.
	Source string `json:"source,omitempty"`
}

// A ListStep writes a list of the images in all archives of a platform.
type ListStep struct {
	Platform images.Platform `json:"platform"`
	Output   string          `json:"output"`
	// Images are its lines: references with their registry.
	Images []string `json:"images"`
}

// A BundleStep packs binaries and files.
type BundleStep struct {
	Name     string              `json:"name"`
	Platform images.Platform     `json:"platform"`
	Files    []config.BundleFile `json:"files"`
	Package  config.PackageInfo  `json:"package"`
	Outputs  []string            `json:"outputs"`
}

// A SumStep writes the checksums of all artifacts of some platforms.
type SumStep struct {
	// Arch is the architecture of the platforms, or empty if they have several.
	Arch      string            `json:"arch,omitempty"`
	Platforms []images.Platform `json:"platforms"`
	Output    string            `json:"output"`
}

// Has reports whether the file contains the artifacts of a platform. Those without a platform are in all files.
func (s SumStep) Has(p images.Platform) bool {
	return p.OS == "" || slices.ContainsFunc(s.Platforms, func(of images.Platform) bool { return samePorts(of.Platform, p.Platform) })
}

// A Filter narrows a plan. The zero Filter keeps everything.
type Filter struct {
	// Platforms are the platforms to keep; an empty list keeps all. A platform without os.version keeps all Windows
	// versions.
	Platforms []v1.Platform
	// OS is the operating system to keep, if it is not empty.
	OS string
	// SkipWindows omits everything for Windows.
	SkipWindows bool
	// Builder, if set, replaces the builder of all images.
	Builder images.BuilderKind
}

func (f Filter) wants(p v1.Platform) bool {
	if f.SkipWindows && p.OS == "windows" || f.OS != "" && p.OS != f.OS {
		return false
	}
	if len(f.Platforms) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Platforms, func(w v1.Platform) bool {
		return samePorts(w, p) &&
			(w.OSVersion == "" || p.OSVersion == "" || w.OSVersion == p.OSVersion)
	})
}

// samePorts reports whether two platforms are equal except for the os.version.
func samePorts(a, b v1.Platform) bool {
	a.OSVersion, b.OSVersion = "", ""
	return images.SamePlatform(a, b)
}

// New makes the plan of a configuration. The error joins all problems.
func New(config *config.Config, filter Filter) (*Plan, error) {
	planner := planner{config: config, filter: filter, makers: map[string]maker{}, plan: &Plan{
		Project: config.Project, Release: config.Release, Fetches: fetches(config.Fetch), Hooks: hooks("", config.Hooks, nil), Destinations: destinations(config),
	}}
	planner.skipped()
	planner.binaries()
	planner.images()
	planner.archives()
	planner.bundles()
	planner.sboms()
	planner.proofs()
	planner.needs()
	planner.checksums()
	if config.Sign.Given() {
		planner.plan.Sign = &config.Sign
	}
	return planner.plan, errors.Join(planner.errs...)
}

// destinations returns the destinations of the configuration whose conditions are true. If the configuration has images
// but no registry, they are published to the project's registry.
func destinations(c *config.Config) []config.Destination {
	var out []config.Destination
	if len(c.Images) > 0 && !slices.ContainsFunc(c.Publish, func(d config.Destination) bool { return d.Registry != "" }) {
		out = append(out, config.Destination{Registry: c.Registry})
	}
	for _, d := range c.Publish {
		if d.When.Holds(nil) {
			out = append(out, d)
		}
	}
	for i, d := range out {
		if d.Registry != "" {
			out[i].Repository = cmp.Or(d.Repository, c.Repository)
		}
	}
	return out
}

type planner struct {
	config *config.Config
	filter Filter
	plan   *Plan
	errs   []error
	makers map[string]maker // of artifacts, by path in lower case
}

// skipped records the platforms that the filter omits, and reports platforms of the filter that the configuration does
// not have.
func (p *planner) skipped() {
	for _, platform := range p.config.Platforms {
		if !p.filter.wants(platform) {
			p.plan.Skipped = append(p.plan.Skipped, images.FormatPlatform(platform))
		}
	}
	for _, want := range p.filter.Platforms {
		if !slices.ContainsFunc(p.config.Platforms, func(have v1.Platform) bool { return samePorts(have, want) }) {
			p.errs = append(p.errs, fmt.Errorf("platform %s is not in %s: want %s",
				images.FormatPlatform(want), p.config.File, formatPlatforms(p.config.Platforms)))
		} else if want.OSVersion != "" && !slices.Contains(slices.Collect(maps.Values(p.config.Windows)), want.OSVersion) {
			p.errs = append(p.errs, fmt.Errorf("platform %s is not in %s: want one of the Windows versions %s",
				images.FormatPlatform(want), p.config.File, p.windowsVersions()))
		}
	}
}

func (p *planner) windowsVersions() string {
	var names []string
	for _, name := range p.windowsNames(nil) {
		names = append(names, name+" ("+p.config.Windows[name]+")")
	}
	return strings.Join(names, ", ")
}

func formatPlatforms(platforms []v1.Platform) string {
	out := make([]string, len(platforms))
	for i, p := range platforms {
		out[i] = images.FormatPlatform(p)
	}
	return strings.Join(out, ", ")
}

// windowsNames returns names of Windows versions from the oldest to the newest, in the order of the plan. An empty list
// means all versions of the project.
func (p *planner) windowsNames(names []string) []string {
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(p.config.Windows))
	}
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(images.CompareOSVersions(p.config.Windows[a], p.config.Windows[b]), cmp.Compare(a, b))
	})
	return names
}

// vars returns the platform variables together with more.
func (p *planner) vars(platform v1.Platform, windows string, more map[string]string) map[string]string {
	vars := config.PlatformVariables(platform, windows)
	maps.Copy(vars, more)
	return vars
}

func expandMap(m, vars map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = expression.Expand(v, vars)
	}
	return out
}

// merged returns a map of both; values of more take precedence.
func merged(m, more map[string]string) map[string]string {
	if len(more) == 0 {
		return m
	}
	out := maps.Clone(more)
	for k, v := range m {
		if _, ok := more[k]; !ok {
			out[k] = v
		}
	}
	return out
}

// expandSome is expandList, but returns nil for an empty list, which JSON omits.
func expandSome(list []string, vars map[string]string) []string {
	if len(list) == 0 {
		return nil
	}
	return expandList(list, vars)
}

func expandList(list []string, vars map[string]string) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, expression.Expand(v, vars))
	}
	return out
}

func artifact(name string) string { return "dist/artifacts/" + name }

// base returns the image of the project without a tag, such as docker.io/slipway/name.
func (p *planner) base(image string) string {
	return p.config.Registry + "/" + p.config.Repository + "/" + image
}

func (p *planner) images() {
	for _, image := range p.config.Images {
		tag := p.base(image.Name) + ":" + p.config.Release.Tag
		var members []string
		for _, variant := range image.Variants {
			for _, platform := range variant.Platforms {
				names := []string{""}
				if platform.OS == "windows" {
					names = p.windowsNames(variant.Windows)
				}
				var versions []string
				for _, windows := range names {
					exact := platform
					ref := tag + "-" + images.PlatformSlug(platform)
					if windows != "" {
						exact.OSVersion = p.config.Windows[windows]
						ref = tag + "-windows-" + windows + "-" + platform.Architecture
					}
					if !p.filter.wants(exact) || !image.When.Holds(p.vars(exact, windows, map[string]string{"NAME": image.Name})) {
						continue
					}
					p.plan.Images = append(p.plan.Images, p.image(image, variant, exact, windows, ref))
					versions = append(versions, ref)
				}
				if platform.OS != "windows" || len(versions) == 0 {
					members = append(members, versions...)
					continue
				}
				ref := tag + "-" + images.PlatformSlug(platform)
				p.plan.Indexes = append(p.plan.Indexes, IndexStep{Image: image.Name, Ref: ref, Members: versions,
					Annotations: image.Annotations, Platform: &images.Platform{Platform: platform}})
				members = append(members, ref)
			}
		}
		if len(members) > 0 {
			p.plan.Indexes = append(p.plan.Indexes, IndexStep{Image: image.Name, Ref: tag, Members: members,
				Annotations: p.versioned(image), Tags: p.tags(image)})
		}
	}
}

func (p *planner) image(image config.Image, variant config.Variant, platform v1.Platform, windows, ref string) ImageStep {
	vars := p.vars(platform, windows, map[string]string{"NAME": image.Name})
	args := merged(expandMap(image.Args, vars), expandMap(variant.Args, vars))
	if args == nil {
		args = map[string]string{}
	}
	step := ImageStep{
		Image: image.Name, Platform: images.Platform{Platform: platform}, Windows: windows, Ref: ref,
		Dockerfile: variant.Dockerfile, Context: expression.Expand(variant.Context, vars), Target: variant.Target,
		Args: args, Labels: expandMap(image.Labels, vars), Contexts: merged(expandMap(image.Contexts, vars), expandMap(variant.Contexts, vars)),
		Builder: cmp.Or(p.filter.Builder, image.Builder),
		Format: images.Format{MediaTypes: image.Format.MediaTypes,
			Compression: images.Compression{Algorithm: image.Format.Compression, Level: image.Format.Level}},
		Modes:      images.Modes(image.Modes),
		Needs:      image.Needs,
		EngineOpts: image.EngineOpts, Hooks: hooks(image.Name+" for "+images.FormatPlatform(platform), image.Hooks, vars),
	}
	step.CacheFrom, step.CacheTo = expandSome(image.CacheFrom, vars), expandSome(image.CacheTo, vars)
	if step.Builder == images.BuildkitBuilder {
		noVersion := platform
		noVersion.OSVersion = ""
		switch addresses := p.config.Builders[images.FormatPlatform(noVersion)]; len(addresses) {
		case 0:
		case 1:
			step.Address = addresses[0]
		default:
			step.Address, step.Addresses = addresses[0], addresses
		}
	}
	return step
}
