package publish

import (
	"errors"
	"fmt"
	"path/filepath"
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

// CheckAsset returns an error if GitHub would refuse a file of this size, in bytes, or rename it. A negative size is
// unknown.
func CheckAsset(path string, size int64) error {
	var errs []error
	switch {
	case size > maxAssetSize:
		errs = append(errs, fmt.Errorf("%s: it has %d bytes, but GitHub allows at most %d per file: split it, or publish it elsewhere", path, size, maxAssetSize))
	case size == 0:
		errs = append(errs, fmt.Errorf("%s: it is empty, which GitHub does not allow", path))
	}
	if !keptName.MatchString(filepath.Base(path)) {
		errs = append(errs, fmt.Errorf("%s: GitHub would rename it: want letters, digits, and _ + @ - or . inside", path))
	}
	return errors.Join(errs...)
}

// CheckAssetNumber returns an error if GitHub does not allow this number of files in a release.
func CheckAssetNumber(n int) error {
	if n > maxAssets {
		return fmt.Errorf("%d files are too many: GitHub allows at most %d in a release", n, maxAssets)
	}
	return nil
}

// checkFiles returns the artifacts for files, without a request. The error lists missing files, and all files that
// GitHub would refuse or rename.
func checkFiles(files []string) ([]artifact, error) {
	all, err := artifacts(files)
	errs := []error{err}
	for _, a := range all {
		errs = append(errs, CheckAsset(a.path, a.size))
	}
	return all, errors.Join(append(errs, CheckAssetNumber(len(files)))...)
}
