package output

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// ReportFile is the path of the report of what was made.
const ReportFile = "dist/artifacts.json"

// A Folder is the folder in which a release is made. Its methods take paths of the plan.
type Folder struct {
	// Project is the folder of slipway.yaml.
	Project string
	// Dist is the location of dist. Empty means dist in Project.
	Dist string
}

func (f Folder) root() string {
	if f.Dist != "" {
		return f.Dist
	}
	return filepath.Join(f.Project, "dist")
}

// Path returns the location of a path of the plan.
func (f Folder) Path(planned string) string {
	if clean := path.Clean(planned); clean == "dist" || strings.HasPrefix(clean, "dist/") {
		return filepath.Join(f.root(), filepath.FromSlash(strings.TrimPrefix(clean, "dist")))
	}
	if filepath.IsAbs(filepath.FromSlash(planned)) {
		return filepath.FromSlash(planned)
	}
	return filepath.Join(f.Project, filepath.FromSlash(planned))
}

// Relative returns the location of a path of the plan for messages. It is relative to the working folder if that is
// shorter.
func (f Folder) Relative(planned string) string {
	abs := f.Path(planned)
	wd, err := filepath.Abs(".")
	if err != nil {
		return abs
	}
	rel, err := filepath.Rel(wd, abs)
	if err != nil || len(rel) > len(abs) {
		return abs
	}
	return rel
}

// Files returns the files, as paths of a plan, that an output consists of: the file itself, or its parts and their
// digests. If the output was not made, it returns none.
func (f Folder) Files(planned string) []string {
	files, err := format.Files(f.Path(planned))
	if err != nil {
		return nil
	}
	out := make([]string, len(files))
	for i, file := range files {
		out[i] = path.Dir(planned) + "/" + filepath.Base(file)
	}
	return out
}
