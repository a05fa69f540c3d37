package publish

import (
	"errors"
	"fmt"
	"regexp"
)

// Limits of GitHub
// (https://docs.github.com/repositories/releasing-projects-on-github/about-releases and
// .../rest/releases/assets, "Upload a release asset").
const (
	maxAssetSize = 2<<30 - 1
	maxAssets    = 1000
	maxNotes     = 125_000 // characters
)

// keptName matches the names that GitHub does not change. In other names, it replaces special characters, such as a
// tilde or a space, with a dot, and removes dots at the ends.
var keptName = regexp.MustCompile(`^[0-9A-Za-z_+@-]([0-9A-Za-z_.+@-]*[0-9A-Za-z_+@-])?$`)

// checkFiles returns the artifacts for files, without a request. The error lists missing files, and all files that
// GitHub would refuse or rename.
func checkFiles(files []string) ([]artifact, error) {
	all, err := artifacts(files)
	errs := []error{err}
	for _, a := range all {
		switch {
		case a.size > maxAssetSize:
			errs = append(errs, fmt.Errorf("%s: it has %d bytes, but GitHub allows at most %d per file: split it, or publish it elsewhere", a.path, a.size, maxAssetSize))
		case a.size == 0:
			errs = append(errs, fmt.Errorf("%s: it is empty, which GitHub does not allow", a.path))
		}
		if !keptName.MatchString(a.name) {
			errs = append(errs, fmt.Errorf("%s: GitHub would rename it: want letters, digits, and _ + @ - or . inside", a.path))
		}
	}
	if len(files) > maxAssets {
		errs = append(errs, fmt.Errorf("%d files are too many: GitHub allows at most %d in a release", len(files), maxAssets))
	}
	return all, errors.Join(errs...)
}
