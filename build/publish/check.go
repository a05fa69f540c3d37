package publish

import (
	"errors"
	"fmt"
	"regexp"
)

// What GitHub takes (https://docs.github.com/repositories/releasing-projects-on-github/about-releases
// and .../rest/releases/assets, "Upload a release asset").
const (
	maxAssetSize = 2<<30 - 1
	maxAssets    = 1000
)

// keptName are the names that GitHub leaves as they are: in others it puts a dot for
// what is special to it, a tilde or a space for instance, and drops dots at the ends.
var keptName = regexp.MustCompile(`^[0-9A-Za-z_+@-]([0-9A-Za-z_.+@-]*[0-9A-Za-z_+@-])?$`)

// CheckGitHub says everything that GitHub would refuse or rename of files, without
// asking it. Files that are missing are among it.
func CheckGitHub(files []string) error {
	_, err := checkGitHub(files)
	return err
}

func checkGitHub(files []string) ([]artifact, error) {
	all, err := artifacts(files)
	errs := []error{err}
	for _, a := range all {
		switch {
		case a.size > maxAssetSize:
			errs = append(errs, fmt.Errorf("%s: it has %d bytes, and GitHub takes at most %d in a file: split it, or publish it elsewhere", a.path, a.size, maxAssetSize))
		case a.size == 0:
			errs = append(errs, fmt.Errorf("%s: it is empty, which GitHub refuses", a.path))
		}
		if !keptName.MatchString(a.name) {
			errs = append(errs, fmt.Errorf("%s: GitHub would rename it: want letters, digits, and _ + @ - or . inside", a.path))
		}
	}
	if len(files) > maxAssets {
		errs = append(errs, fmt.Errorf("there are %d files, and GitHub takes at most %d in a release", len(files), maxAssets))
	}
	return all, errors.Join(errs...)
}
