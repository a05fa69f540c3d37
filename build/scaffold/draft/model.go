package draft

import (
	"strings"

	"github.com/slipway-build/slipway/images"
)

// A Draft is the planned content of a slipway.yaml. Empty values are omitted.
type Draft struct {
	Schema               string // URL of the JSON schema
	Project              string
	Registry, Repository string
	NameDoubt            string // about Registry and Repository
	TagPrefix            string // version.tag-prefix
	VersionDoubt         string
	Platforms            []string
	PlatformsDoubt       string
	Windows              []string // keys of knownWindows; none if no image is for Windows
	Before               []Hook
	Binaries             []*Binary
	Images               []*Image
	Bundles              []Bundle
	Publish              bool              // whether the destinations are written as keys, and not as a comment
	GitHub               string            // owner/name
	License              string            // its SPDX identifier
	Names                map[string]string // names
	Doubts               []string          // about the whole file
	Remarks              []string
	From                 string            // the file of another tool that was converted
	Env                  []string          // environment variables to which values of From refer
	Vars                 map[string]string // vars
	Release              map[string]string // keys of publish.github, besides its repository
	NewFiles             map[string]string // files that are written beside slipway.yaml, by name
	Leftovers            []Leftover
}

// A Leftover is a key of From that has no counterpart in slipway.yaml, or that needs a decision.
type Leftover struct {
	Line     int // 0 for a default of the other tool
	Key, Why string
}

// A Hook is a shell command of before. If Outputs is empty, they are unknown.
type Hook struct {
	Command string
	Outputs []string
}

// A Binary is an entry of binaries.
type Binary struct {
	Name, Package string
	Module        string   // "." for the folder of slipway.yaml
	Folder        string   // in bundles, or ""
	Platforms     []string // none means all of the project
	Release       bool
	Tags, Ldflags []string
	Flags         []string
	Gcflags       []string
	Asmflags      []string
	Buildmode     string // "" or pie
	Env           map[string]string
	Doubts        []string
}

// An Image is an entry of images.
type Image struct {
	Name        string
	Bin         bool              // a stage copies from the context bin
	Contexts    map[string]string // named contexts
	Labels      map[string]string
	Annotations map[string]string
	Tags        []string // more tags of the index
	Engine      string   // why the embedded builder cannot build it, or ""
	Variants    []Variant
	// Stage has the files of a context that is made for each platform: binaries, and files of the checkout.
	Stage  []StagedFile
	Doubts []string
	Off    string // why it is written as a comment, or ""
}

// A StagedFile is a file or folder, and its path in the context. Both may contain variables. From may be a pattern; To
// is then a folder.
type StagedFile struct {
	From, To string
	Folder   bool // To is the folder that contains it
}

// A Variant is an entry of images.variants.
type Variant struct {
	Platforms                   []string
	Dockerfile, Target, Context string
	Args                        map[string]string
	Staged                      bool // its context is that of Stage
}

// A Bundle is an entry of bundles. Its first files are the binaries.
type Bundle struct {
	Name      string // "" means the project's
	Formats   []string
	FormatsOf []Conditional // instead of Formats
	Names     []Conditional // names of the file
	Platforms []string      // none means all of the project
	Binaries  []*Binary     // none means all
	Bin       string        // the folder of the binaries, or ""
	Files     []File
	Package   map[string]string   // texts of package
	Lists     map[string][]string // lists of package
	Scripts   map[string]string   // package.scripts
	Doubts    []string
}

// A Conditional is a value that applies where When is true, or everywhere if When is empty.
type Conditional struct{ Value, When string }

// A File is an entry of bundles.files.
type File struct {
	Source, Path, Type string
	Config             bool
	Missing            bool // it is not in the checkout
}

// knownWindows maps the names of Windows versions in tags of base images to exact versions.
var knownWindows = map[string]string{
	"1809": "10.0.17763.7919", "ltsc2019": "10.0.17763.7919", "ltsc2022": "10.0.20348.4294", "ltsc2025": "10.0.26100.4294",
}

// IsPlatform reports whether a platform is valid in slipway.yaml, and binaries can be compiled for it.
func IsPlatform(text string) bool {
	p, err := images.ParsePlatform(text)
	return err == nil && (p.OS == "linux" || p.OS == "windows") && p.OSVersion == "" && images.CheckPort(p) == nil
}

// OfSystem returns the platforms of an operating system.
func OfSystem(platforms []string, goos string) []string {
	var list []string
	for _, p := range platforms {
		if strings.HasPrefix(p, goos+"/") {
			list = append(list, p)
		}
	}
	return list
}

// active returns the images that are not written as comments.
func (d *Draft) active() []*Image {
	var active []*Image
	for _, i := range d.Images {
		if i.Off == "" {
			active = append(active, i)
		}
	}
	return active
}
