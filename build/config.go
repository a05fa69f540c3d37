package build

import v1 "github.com/google/go-containerregistry/pkg/v1"

// Config is slipway.yaml: what is released. Load has checked it, has expanded
// the variables that hold for the whole release (VERSION, TAG, the project's
// own, …), and has left those that differ by platform (OS, ARCH, PLATFORM, …) in
// the fields tagged `expand:"platform"`, known by name, for Expand.
type Config struct {
	// File is the path of slipway.yaml, Dir its folder; all other paths of the
	// file are relative to Dir.
	File string `yaml:"-"`
	Dir  string `yaml:"-"`

	// Project is the prefix of artifact names.
	Project string `yaml:"project" doc:"prefix of artifact names"`
	// Registry is the registry of the project's own images.
	Registry string `yaml:"registry" doc:"registry of the project's own images; environment REGISTRY wins"`
	// Repository is the path that image names follow in the registry.
	Repository string            `yaml:"repository" doc:"path that image names follow in the registry; environment REPO wins"`
	Version    VersionConfig     `yaml:"version" doc:"where the version comes from: TAG, else the git tag on HEAD, else base+dev.<commit8>[-dirty]"`
	Vars       map[string]string `yaml:"vars" doc:"variables for ${NAME}; an environment variable of the same name wins"`
	Platforms  []v1.Platform     `yaml:"platforms" doc:"what is released; binaries and images may name fewer"`
	// Windows maps the names of Windows versions to their exact os.version.
	Windows  map[string]string `yaml:"windows" doc:"names of Windows versions and their exact os.version"`
	Binaries []Binary          `yaml:"binaries"`
	Images   []Image           `yaml:"images"`
	// Builders maps a platform to the address of its BuildKit.
	Builders map[string]string `yaml:"builders" doc:"address of a BuildKit per platform, for builder: buildkit"`
	Airgap   Airgap            `yaml:"airgap"`
	Bundles  []Bundle          `yaml:"bundles"`
	Publish  []Destination     `yaml:"publish" doc:"where publish puts images and artifacts; the project's registry if none names one"`
	Names    Names             `yaml:"names" doc:"templates of artifact names, since install scripts depend on names"`
}

// VersionConfig says where the version comes from.
type VersionConfig struct {
	Base    string `yaml:"base" doc:"version of a commit without a tag; +dev.<commit8>[-dirty] is added"`
	Pattern string `yaml:"pattern" doc:"regular expression that a tag must match to be a version"`
}

// A Binary is one main package.
type Binary struct {
	Name string `yaml:"name" doc:"file name, without .exe"`
	// Package is the import path or ./path of the main package.
	Package string `yaml:"package" doc:"main package: ./path, or an import path pinned in the module's go.mod"`
	// Module is the folder of the module that Package is built in.
	Module    string        `yaml:"module" doc:"folder of the Go module to build in; default: the project's"`
	Platforms []v1.Platform `yaml:"platforms" doc:"default: all platforms of the project"`
	// Release puts the binary into dist/artifacts, under Names.Binary. Load
	// sets it for the binary named as the project.
	Release   *bool                     `yaml:"release" doc:"put it into dist/artifacts; default: only the binary named as the project"`
	BuildOpts `yaml:",inline"`          // Tags, Ldflags, Env, Assert
	Overrides map[string]BuildOverrides `yaml:"overrides" doc:"per platform, what differs"`
}

// BuildOpts are what go build is told.
type BuildOpts struct {
	Tags    []string          `yaml:"tags"`
	Ldflags []string          `yaml:"ldflags" expand:"platform"`
	Env     map[string]string `yaml:"env" expand:"platform" doc:"environment of go build; CGO_ENABLED is 0 unless set"`
	Assert  []string          `yaml:"assert" doc:"what must hold of the result: static, fips, pie, max-size=20MiB"`
}

// BuildOverrides replaces options on one platform: a list replaces the list,
// environment variables are added to the others.
type BuildOverrides struct {
	Package   string `yaml:"package"`
	BuildOpts `yaml:",inline"`
}

// An Image is one image name, made for several platforms.
type Image struct {
	Name     string            `yaml:"name"`
	Args     map[string]string `yaml:"args" expand:"platform" doc:"build arguments"`
	Labels   map[string]string `yaml:"labels" expand:"platform"`
	Contexts map[string]string `yaml:"contexts" expand:"platform" doc:"named contexts: a folder, docker-image://REF or oci-layout://DIR"`
	Variants []Variant         `yaml:"variants"`
	Builder  string            `yaml:"builder" doc:"embedded (default), docker or buildkit; environment BUILDER wins"`
	Format   Format            `yaml:"format"`
	// Annotations are set on the index.
	Annotations map[string]string `yaml:"annotations" doc:"annotations of the index"`
}

// A Variant is one Dockerfile target and the platforms made from it.
type Variant struct {
	Platforms  []v1.Platform     `yaml:"platforms"`
	Windows    []string          `yaml:"windows" doc:"names of Windows versions, for windows platforms; default: all"`
	Dockerfile string            `yaml:"dockerfile" doc:"default: Dockerfile"`
	Context    string            `yaml:"context" doc:"folder that COPY and ADD read from; default: the project's"`
	Target     string            `yaml:"target" doc:"stage to build; default: the last"`
	Args       map[string]string `yaml:"args" expand:"platform" doc:"added to the image's"`
}

// Format pins media types and compression of an image; see images.Format.
type Format struct {
	MediaTypes  string `yaml:"media-types" doc:"oci (default) or docker"`
	Compression string `yaml:"compression" doc:"gzip (default), zstd or none"`
	Level       int    `yaml:"level" doc:"level of the compression; default: gzip 6, zstd 3"`
}

// Airgap says which archives are written.
type Airgap struct {
	Formats []string `yaml:"formats" doc:"tar.zst, tar.gz, tar; default: the first two"`
	// Layers is "uncompressed" or "original".
	Layers string          `yaml:"layers" doc:"uncompressed (default) or original: keep the registry's bytes and digests"`
	Level  string          `yaml:"level" doc:"zstd: fastest, default, better or best (default)"`
	Lists  map[string]List `yaml:"lists"`
}

// A List is what one archive holds: own images first, then the file's, in order,
// then the included lists'.
type List struct {
	Images    []string      `yaml:"images" doc:"names of the project's own images"`
	File      string        `yaml:"file" doc:"image list: one reference a line, # comments"`
	Include   []string      `yaml:"include" doc:"other lists"`
	Platforms []v1.Platform `yaml:"platforms" doc:"default: the linux platforms of the project"`
	Windows   []string      `yaml:"windows" doc:"names of Windows versions, for windows platforms; default: all"`
	// Name overrides Names.Archive for this list.
	Name string `yaml:"name" expand:"platform" doc:"template of the archive's name; default: names.archive"`
}

// A Bundle is an archive or package of binaries and files.
type Bundle struct {
	Name      string        `yaml:"name" doc:"default: the project"`
	Platforms []v1.Platform `yaml:"platforms"`
	Formats   []string      `yaml:"formats" doc:"tar.gz, zip, deb, rpm; default: tar.gz, and zip for windows"`
	Files     []BundleFile  `yaml:"files"`
	Package   PackageInfo   `yaml:"package" doc:"for deb and rpm"`
}

// A BundleFile is one file, or all files below a folder, of a bundle.
type BundleFile struct {
	Source string `yaml:"source" expand:"platform" doc:"file or folder, relative to slipway.yaml"`
	Path   string `yaml:"path" expand:"platform" doc:"where it stands in the bundle (absolute for deb and rpm)"`
	Mode   string `yaml:"mode" doc:"octal; default: 0755 for what is in dist/bin, else 0644"`
	Config bool   `yaml:"config" doc:"deb and rpm: a configuration file that an upgrade keeps"`
}

// PackageInfo is what deb and rpm packages say of themselves.
type PackageInfo struct {
	Maintainer  string            `yaml:"maintainer"`
	Description string            `yaml:"description"`
	Homepage    string            `yaml:"homepage"`
	License     string            `yaml:"license"`
	Vendor      string            `yaml:"vendor"`
	Section     string            `yaml:"section"`
	Depends     []string          `yaml:"depends"`
	Recommends  []string          `yaml:"recommends"`
	Conflicts   []string          `yaml:"conflicts"`
	Provides    []string          `yaml:"provides"`
	Replaces    []string          `yaml:"replaces"`
	Scripts     map[string]string `yaml:"scripts" doc:"preinstall, postinstall, preremove, postremove: script files"`
}

// A Destination is one place to publish to: a registry for images, or a folder,
// an OCI repository or a GitHub release for dist/artifacts. Just one of the kinds
// is set.
type Destination struct {
	Registry   string `yaml:"registry" doc:"registry for images"`
	Repository string `yaml:"repository" doc:"with registry: path that image names follow; default: the project's"`
	Directory  string `yaml:"directory" doc:"folder for artifacts, copied and verified, checksums last"`
	OCI        string `yaml:"oci" doc:"reference for artifacts, pushed as one OCI artifact"`
	GitHub     string `yaml:"github" doc:"owner/name: artifacts become a GitHub release, draft until complete (GITHUB_TOKEN)"`
}

// Names are templates of the names in dist/artifacts.
type Names struct {
	Binary         string `yaml:"binary" expand:"platform" doc:"default: ${NAME}.${PLATFORM}${EXE}"`
	Archive        string `yaml:"archive" expand:"platform" doc:"default: ${PROJECT}-images${LIST_SUFFIX}.${PLATFORM}"`
	WindowsArchive string `yaml:"windows-archive" expand:"platform" doc:"default: ${PROJECT}-images${LIST_SUFFIX}.windows-${WINDOWS}-${ARCH}"`
	AllImages      string `yaml:"all-images" expand:"platform" doc:"default: ${PROJECT}-images-all.${PLATFORM}.txt"`
	Bundle         string `yaml:"bundle" expand:"platform" doc:"default: ${NAME}.${PLATFORM}"`
	Checksums      string `yaml:"checksums" expand:"platform" doc:"default: sha256sum-${ARCH}.txt"`
}
