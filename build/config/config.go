package config

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
)

// Config is the content of slipway.yaml. Load has checked it, filled in its defaults and replaced its release
// variables. Fields with the tag expand may still contain platform variables, by name, for expression.Expand. See the
// package for the struct tags.
type Config struct {
	// File is the path of slipway.yaml as given to Load, and Dir is the absolute path of its folder. All other paths of
	// the configuration are relative to Dir.
	File string `yaml:"-"`
	Dir  string `yaml:"-"`
	// Release is the version, with its properties from git and the environment.
	Release version.Release `yaml:"-"`
	// Untagged means that the version is neither TAG nor a git tag on HEAD.
	Untagged bool `yaml:"-"`
	// Warnings are doubts about the file that are not errors.
	Warnings []string `yaml:"-"`
	// Linked has the variables to which linked values refer, with their values, except for those in Release.
	Linked map[string]string `yaml:"-"`
	// Environment has the names of the environment variables that values refer to and vars does not declare, sorted.
	Environment []string `yaml:"-"`

	Project    string            `yaml:"project" required:"true" doc:"prefix of artifact names"`
	Registry   string            `yaml:"registry" doc:"registry of the project's own images; REGISTRY in the environment overrides it; default: docker.io"`
	Repository string            `yaml:"repository" doc:"path in the registry before the image name; REPO in the environment overrides it; default: the project"`
	Version    VersionConfig     `yaml:"version" doc:"source of the version: TAG in the environment, else the git tag on HEAD, else one of base, or of the nearest git tag, with +dev.…"`
	Vars       map[string]string `yaml:"vars" expand:"platform windows name list format artifact" doc:"variables for ${NAME}; --set NAME=VALUE and a non-empty environment variable of the same name override one" example:"{PAUSE_VERSION: 3.10.2}"`
	Outside    []string          `yaml:"outside" doc:"folders outside the project folder that paths in this file may refer to, such as ../shared; default: none"`
	Platforms  []v1.Platform     `yaml:"platforms" required:"true" doc:"platforms of the release; binaries and images may restrict them"`
	Windows    map[string]string `yaml:"windows" doc:"Windows versions: a name and its exact os.version" example:"{ltsc2022: 10.0.20348.4294}"`
	Fetch      []Fetch           `yaml:"fetch" doc:"files of other projects, fetched before anything is built; see docs/hooks.md"`
	Hooks      `yaml:",inline"`
	Binaries   []Binary                  `yaml:"binaries" doc:"Go programs, compiled to dist/bin/<os>-<arch>"`
	Images     []Image                   `yaml:"images" doc:"container images, built from Dockerfiles"`
	Builders   map[string]Addresses      `yaml:"builders" doc:"with builder: buildkit, the address of a BuildKit for each platform, or a list of addresses that share its builds; see docs/builders.md" example:"{linux/arm64: \"tcp://arm-builder:1234\"}"`
	Registries map[string]RegistryAccess `yaml:"registries" doc:"connection settings by HOST or HOST:PORT: plain HTTP, CAs, client certificates, mirrors; see docs/registries.md" example:"{\"registry.example.com:5000\": {plain-http: true}}"`
	Cache      Cache                     `yaml:"cache" doc:"caches that machines share; see docs/cache.md"`
	Airgap     Airgap                    `yaml:"airgap" doc:"image archives for hosts without a registry"`
	Bundles    []Bundle                  `yaml:"bundles" doc:"archives and packages of binaries and files"`
	SBOM       SBOM                      `yaml:"sbom" doc:"SBOMs of images, binaries, archives and bundles, in dist/artifacts: true, or a mapping; see docs/sbom.md; default: none"`
	Provenance Provenance                `yaml:"provenance" doc:"SLSA provenance of binaries, images, archives and bundles: true, or a mapping; see docs/provenance.md; default: none"`
	VEX        []string                  `yaml:"vex" doc:"OpenVEX documents: what vulnerabilities mean for this release; they become artifacts, and statements about the images; see docs/provenance.md" example:"[security/acme.openvex.json]"`
	Sign       Sign                      `yaml:"sign" doc:"how files and images of the release are signed; see docs/signing.md"`
	Publish    []Destination             `yaml:"publish" doc:"destinations of images and artifacts; images go to the project's registry if no destination is a registry"`
	Expect     Expect                    `yaml:"expect" doc:"names of artifacts that slipway check compares with the plan"`
	Names      Names                     `yaml:"names" doc:"templates for the names of artifacts, which install scripts depend on"`
}

// Addresses are the addresses of engines that share the builds of a platform. In slipway.yaml, a single address may
// replace the list.
type Addresses []string

// VersionConfig determines where the version comes from.
type VersionConfig struct {
	Base      string `yaml:"base" doc:"version of an untagged commit, to which +dev.<commit8>[-dirty] is added; default: that of the nearest earlier git tag, to which +dev.<commits since>.<commit8>[-dirty] is added, else v0.0.0"`
	TagPrefix string `yaml:"tag-prefix" doc:"prefix of this project's git tags before the version, such as cmd/x/ of cmd/x/v2.0.0; other tags are ignored; default: none"`
	Pattern   string `yaml:"pattern" doc:"regular expression that a git tag must match to be a version; default: X.Y.Z with an optional v before it and an optional -… or +… after it" example:"^v[0-9.]+[+]rke2r[0-9]+"`
}

// A Binary is built from one main package, for several platforms.
type Binary struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Name string `yaml:"name" required:"true" doc:"file name, without .exe"`
	// Package is empty only if Prebuilt is not, or Overrides has a package for each platform.
	Package   string               `yaml:"package" doc:"main package: ./path in the module, or an import path pinned in the module's go.mod"`
	Prebuilt  string               `yaml:"prebuilt" expand:"platform name" doc:"instead of package: a binary made elsewhere, such as prebuilt/${OS}-${ARCH}/x${EXE}; it is checked like a compiled one"`
	Module    string               `yaml:"module" doc:"folder of the Go module to build in; default: the project folder"`
	Platforms []v1.Platform        `yaml:"platforms" doc:"default: all platforms of the project"`
	When      expression.Condition `yaml:"when" json:"-" expand:"platform name" doc:"condition, such as ${ARCH} != \"arm64\": it is built only for the platforms on which it holds"`
	Names     Naming               `yaml:"names" json:"-" expand:"platform name" doc:"its name in dist/artifacts; default: names.binary" example:"[{name: \"acme${EXE}\", when: '${ARCH} == \"amd64\"'}, \"acme-${ARCH}${EXE}\"]"`
	Release   expression.Condition `yaml:"release" json:"-" expand:"platform name" doc:"condition: it is copied to dist/artifacts for the platforms on which it holds; default: only the binary with the project's name is"`
	BuildOpts `yaml:",inline"`
	Hooks     `yaml:",inline"`
	// Overrides maps platforms, as written by images.FormatPlatform, to options.
	Overrides map[string]BuildOverrides `yaml:"overrides" doc:"options of single platforms: a list replaces the whole list, environment variables are added" example:"{linux/arm64: {env: {CC: aarch64-linux-gnu-gcc}}}"`
}

// An Image has one name and is made for several platforms.
type Image struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Name        string               `yaml:"name" required:"true" doc:"last part of the image reference: registry/repository/name:TAG"`
	When        expression.Condition `yaml:"when" json:"-" expand:"platform windows name" doc:"condition: the image is built only for the platforms and Windows versions on which it holds"`
	Args        map[string]string    `yaml:"args" expand:"platform windows name" linked:"true" doc:"build arguments" example:"{VERSION: \"${VERSION}\"}"`
	Labels      map[string]string    `yaml:"labels" expand:"platform windows name" linked:"true" doc:"labels of the image's config" example:"{org.opencontainers.image.source: \"https://github.com/acme/acme\"}"`
	Contexts    map[string]string    `yaml:"contexts" expand:"platform windows name" doc:"named contexts: a folder, docker-image://REF or oci-layout://DIR" example:"{bin: \"dist/bin/${PLATFORM}\"}"`
	Variants    []Variant            `yaml:"variants" required:"true" doc:"Dockerfile targets and the platforms to build from each"`
	Builder     images.BuilderKind   `yaml:"builder" enum:"embedded docker buildkit" doc:"embedded (default), docker or buildkit; BUILDER in the environment overrides it"`
	Format      Format               `yaml:"format" doc:"media types and compression"`
	Modes       string               `yaml:"modes" enum:"normal keep" doc:"file modes in contexts: normal (default: 0755 or 0644), or keep the modes on disk"`
	Annotations map[string]string    `yaml:"annotations" linked:"true" doc:"annotations of the index"`
	Tags        []Tag                `yaml:"tags" doc:"more tags of the index, such as latest or v${MAJOR}: text, or a mapping with tag; see docs/tags.md" example:"[latest, \"v${MAJOR}\", {tag: edge, moves: always, when: '${DIRTY} == \"\"'}]"`
	Needs       Needs                `yaml:"needs" doc:"artifacts that the image contains, and which are made before it; they are in dist/artifacts, which may be a context"`
	EngineOpts  `yaml:",inline"`
	Hooks       `yaml:",inline"`
}

// EngineOpts are options of the engines docker and buildkit, spelled as the flags of docker buildx build. The embedded
// builder refuses them.
type EngineOpts struct {
	Secrets   []string `yaml:"secrets" json:"secrets,omitempty" doc:"for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE" example:"[\"id=token,env=TOKEN\"]"`
	SSH       []string `yaml:"ssh" json:"ssh,omitempty" doc:"for RUN --mount=type=ssh: default, ID=SOCKET or ID=KEY"`
	CacheFrom []string `yaml:"cache-from" json:"cacheFrom,omitempty" expand:"platform windows name" doc:"type=registry,ref=REF or type=local,src=DIR" example:"[\"type=registry,ref=registry.example.com/acme/cache\"]"`
	CacheTo   []string `yaml:"cache-to" json:"cacheTo,omitempty" expand:"platform windows name" doc:"type=registry,ref=REF, type=local,dest=DIR or type=inline"`
	Allow     []string `yaml:"allow" json:"allow,omitempty" enum:"network.host security.insecure" doc:"entitlements that RUN may request: network.host, security.insecure"`
}

// A Variant is a target of a Dockerfile, and the platforms that are made from it.
type Variant struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Platforms  []v1.Platform     `yaml:"platforms" required:"true" doc:"platforms to build from this Dockerfile and target"`
	Windows    []string          `yaml:"windows" doc:"names of Windows versions to build for windows platforms; default: all"`
	Dockerfile string            `yaml:"dockerfile" doc:"default: Dockerfile"`
	Context    string            `yaml:"context" expand:"platform windows name" doc:"folder that COPY and ADD read from, such as dist/bin/${PLATFORM} for compiled binaries; default: the project folder"`
	Contexts   map[string]string `yaml:"contexts" expand:"platform windows name" doc:"named contexts, in addition to the image's: a folder, docker-image://REF or oci-layout://DIR"`
	Target     string            `yaml:"target" doc:"stage to build; default: the last one"`
	Args       map[string]string `yaml:"args" expand:"platform windows name" linked:"true" doc:"build arguments, in addition to the image's"`
}

// Format is the media types and the compression of an image; see images.Format.
type Format struct {
	MediaTypes  images.MediaTypes `yaml:"media-types" enum:"oci docker" doc:"oci (default) or docker"`
	Compression string            `yaml:"compression" enum:"gzip zstd none" doc:"gzip (default), zstd or none"`
	Level       int               `yaml:"level" doc:"compression level; default: gzip 6, zstd 3"`
}

// A RegistryAccess contains the settings with which a registry is reached.
type RegistryAccess struct {
	PlainHTTP  bool     `yaml:"plain-http" doc:"use plain HTTP; --plain-http and SLIPWAY_PLAIN_HTTP in the environment do the same"`
	CA         string   `yaml:"ca" doc:"PEM file of CAs to trust in addition to the system's"`
	Cert       string   `yaml:"cert" doc:"PEM file of a client certificate"`
	Key        string   `yaml:"key" doc:"PEM file of the private key; default: cert contains it"`
	SkipVerify bool     `yaml:"skip-verify" doc:"accept any certificate: for tests only"`
	Mirrors    []string `yaml:"mirrors" doc:"servers to pull from first, in order: HOST[:PORT][/PATH], https://… or http://…" example:"[mirror.example.com/docker]"`
}

// Airgap contains the options of all archives, and the lists of their images.
type Airgap struct {
	Formats []FileFormat         `yaml:"formats" json:"-" enum:"tar.zst tar.gz tar" expand:"platform windows list" doc:"tar.zst, tar.gz, tar; default: the first two" example:"[tar.zst, {format: tar.gz, when: '${OS} == \"linux\"'}]"`
	Text    expression.Condition `yaml:"text" json:"-" expand:"platform windows list" doc:"condition: a .txt with the images of each archive is written beside it where it holds; default: always"`
	// AllImages is the condition for a list of the images in all archives of a platform.
	AllImages expression.Condition `yaml:"all-images" json:"-" expand:"platform" doc:"condition: a list of the images in all archives is written for the platforms on which it holds; default: always"`
	Layers    images.ArchiveLayers `yaml:"layers" enum:"uncompressed original" doc:"uncompressed (default), or original to keep the registry's bytes and digests"`
	Level     images.ZstdLevel     `yaml:"level" enum:"fastest default better best max" doc:"zstd level: fastest, default, better, best (default) or max"`
	Split     string               `yaml:"split" doc:"maximum size of a file, such as 1900MB for a GitHub release; larger archives are split into parts"`
	Lists     map[string]List      `yaml:"lists" doc:"content of the archives; the list called images adds no suffix to the name of its archive" example:"{images: {images: [acme-runtime], file: images.txt}}"`
}

// A List contains the images of one archive: first those of the project, then those of the file and the references, in
// order, then those of the included lists.
type List struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	When   expression.Condition `yaml:"when" json:"-" expand:"platform windows list" doc:"condition: the archive is written, and included by other lists, only for the platforms on which it holds"`
	Images []string             `yaml:"images" doc:"names of the project's own images"`
	File   string               `yaml:"file" doc:"image list: one reference per line, which may contain the variables of references; # starts a comment"`
	// References are, after Load, the references in File, followed by those in slipway.yaml.
	References []ListReference `yaml:"references" doc:"references, after those of the file: text, or a mapping with ref" example:"[docker.io/library/busybox:1.37, {ref: docker.io/rancher/klipper-lb:v0.4.13, platforms: [linux/amd64]}]"`
	Include    []string        `yaml:"include" doc:"other lists to include"`
	Platforms  []v1.Platform   `yaml:"platforms" doc:"default: the linux platforms of the project"`
	Windows    []string        `yaml:"windows" doc:"names of Windows versions to build for windows platforms; default: all"`
	// Name overrides Names.Archive and Names.WindowsArchive for this list.
	Name    Naming               `yaml:"name" json:"-" expand:"platform windows list format" doc:"name of the archive, without the extension; default: names.archive"`
	Formats []FileFormat         `yaml:"formats" json:"-" enum:"tar.zst tar.gz tar" expand:"platform windows list" doc:"formats of the archive; default: airgap.formats"`
	Text    expression.Condition `yaml:"text" json:"-" expand:"platform windows list" doc:"condition: a .txt with the images is written beside the archive where it holds; default: airgap.text"`
}

// A ListReference is an image of a list.
type ListReference struct {
	// Position is its location in slipway.yaml or in the file of the list.
	Position Position `yaml:"-" json:"-"`

	Ref       string               `yaml:"ref" required:"true" short:"true" expand:"platform windows list" doc:"image, such as docker.io/rancher/mirrored-pause:${PAUSE_VERSION}"`
	When      expression.Condition `yaml:"when" expand:"platform windows list" doc:"condition: the image is in the list only on platforms on which it holds"`
	Platforms []v1.Platform        `yaml:"platforms" doc:"platforms of the list for which the image is in it; default: all"`
}

// A Bundle is an archive or package of binaries and files.
type Bundle struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Name      string               `yaml:"name" doc:"default: the project"`
	When      expression.Condition `yaml:"when" json:"-" expand:"platform name" doc:"condition: the bundle is made only for the platforms on which it holds"`
	Platforms []v1.Platform        `yaml:"platforms" doc:"default: all platforms of the project"`
	// Formats is empty if slipway.yaml does not have it, since the default depends on the platform.
	Formats []FileFormat `yaml:"formats" json:"-" enum:"tar.gz tgz zip deb rpm apk archlinux" expand:"platform name" doc:"tar.gz, tgz, zip, deb, rpm, apk, archlinux (.pkg.tar.zst); default: tar.gz, and zip for windows" example:"[tar.gz, {format: deb, when: '${OS} == \"linux\"'}]"`
	Names   Naming       `yaml:"names" json:"-" expand:"platform name format" doc:"name of the file, without the extension; default: names.bundle"`
	Files   []BundleFile `yaml:"files" required:"true" doc:"files and folders of the bundle"`
	Package PackageInfo  `yaml:"package" doc:"metadata of deb, rpm, apk and archlinux packages"`
}

// A BundleFile is a file of a bundle, or all files below a folder.
type BundleFile struct {
	Source string `yaml:"source" json:"source,omitempty" expand:"platform name" doc:"file, folder or pattern (*, **), relative to slipway.yaml; of a symlink: its target"`
	// Path defaults to the last element of Source, or to the root for a pattern.
	Path    string   `yaml:"path" json:"path,omitempty" expand:"platform name" doc:"path in the bundle (absolute for packages), of a pattern that of the folder where it begins; default: the last element of source, or the root"`
	Type    string   `yaml:"type" json:"type,omitempty" enum:"dir symlink" doc:"dir: an empty folder; symlink: a link to source; default: the type of source"`
	Exclude []string `yaml:"exclude" json:"exclude,omitempty" expand:"platform name" doc:"patterns (*, **, !) of what is left out, by the path below source" example:"[\"**/*_test.go\", \"!keep/**\"]"`
	Mode    string   `yaml:"mode" json:"mode,omitempty" doc:"octal mode; default: 0755 for executable files, else 0644"`
	Config  bool     `yaml:"config" json:"config,omitempty" doc:"deb, rpm and archlinux: a configuration file that an upgrade keeps"`
}

// PackageInfo is the metadata of packages.
type PackageInfo struct {
	Maintainer  string            `yaml:"maintainer" json:"maintainer,omitempty" doc:"Name <address>" example:"Acme <packages@example.com>"`
	Description string            `yaml:"description" json:"description,omitempty" doc:"the first line is the summary"`
	Homepage    string            `yaml:"homepage" json:"homepage,omitempty" doc:"URL of the project"`
	License     string            `yaml:"license" json:"license,omitempty" doc:"SPDX expression, such as Apache-2.0"`
	Vendor      string            `yaml:"vendor" json:"vendor,omitempty" doc:"name of the vendor"`
	Section     string            `yaml:"section" json:"section,omitempty" doc:"section of a deb, such as admin"`
	Depends     []string          `yaml:"depends" json:"depends,omitempty" doc:"required packages" example:"[iptables >= 1.8, conntrack]"`
	Recommends  []string          `yaml:"recommends" json:"recommends,omitempty" doc:"recommended packages, of deb and rpm"`
	Conflicts   []string          `yaml:"conflicts" json:"conflicts,omitempty" doc:"conflicting packages"`
	Provides    []string          `yaml:"provides" json:"provides,omitempty" doc:"virtual package names that depends of other packages may use"`
	Replaces    []string          `yaml:"replaces" json:"replaces,omitempty" doc:"packages whose files this package replaces"`
	Scripts     map[string]string `yaml:"scripts" json:"scripts,omitempty" keys:"preinstall postinstall preremove postremove" doc:"scripts to run at preinstall, postinstall, preremove, postremove" example:"{postinstall: packaging/postinstall.sh}"`
}

// Expect contains the names of artifacts that others rely on.
type Expect struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	When      expression.Condition `yaml:"when" doc:"condition: nothing is compared unless it holds, for lists of names that are for one registry or version"`
	Names     []string             `yaml:"names" doc:"files that install scripts download: a name that the release does not have is an error" example:"[acme.linux-amd64, acme-images.linux-amd64.tar.zst]"`
	Artifacts string               `yaml:"artifacts" doc:"file with the names of all artifacts, one per line, # starts a comment: a missing and an unexpected name are errors"`
}
