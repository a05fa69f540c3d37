package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Paths in a Dockerfile are paths of the image's operating system: with slashes, and for
// Windows also with backslashes and the drive C:. These functions turn them into absolute
// paths with slashes, by the rules of BuildKit (util/system).

// Slashes returns p with slashes instead of the backslashes of Windows.
func Slashes(p, os string) string {
	if os == "windows" {
		return strings.ReplaceAll(p, `\`, "/")
	}
	return p
}

// withoutDrive removes the drive from a Windows path, which must be C:.
func withoutDrive(p, os string) (string, error) {
	if os != "windows" {
		return p, nil
	}
	p = Slashes(p, os)
	if strings.HasPrefix(p, "//") {
		return "", fmt.Errorf("%s is a UNC path; want a path on drive C: of the image", p)
	}
	drive, rest, ok := strings.Cut(p, ":")
	switch {
	case !ok:
		return p, nil
	case !strings.EqualFold(drive, "c"):
		return "", fmt.Errorf("%s is not on drive C:; an image has only that drive", p)
	case rest == "":
		return "", fmt.Errorf("%s names a drive and no path on it", p)
	}
	return rest, nil
}

// IsAbsolutePath reports whether p starts at the root.
func IsAbsolutePath(p, os string) bool {
	p, err := withoutDrive(p, os)
	return err == nil && strings.HasPrefix(p, "/")
}

// AbsolutePath resolves p against the folder dir. It keeps a trailing slash or /., which
// says that p is a folder.
func AbsolutePath(dir, p, os string) (string, error) {
	p, err := withoutDrive(p, os)
	if err != nil {
		return "", err
	}
	folder := ""
	switch {
	case p == "" || p == "." || strings.HasSuffix(p, "/"):
		folder = "/"
	case strings.HasSuffix(p, "/."):
		folder = "/."
	}
	if !strings.HasPrefix(p, "/") {
		p = path.Join("/", Slashes(dir, os), p)
	}
	if p = path.Join("/", p); p == "/" {
		return "/", nil
	}
	return p + folder, nil
}

// errNoPath is the error of an empty WORKDIR.
var errNoPath = errors.New("the path is empty")

// WorkingDir returns the working folder after WORKDIR p in the folder current: as written
// to the config, and with slashes. An absolute Linux path is kept verbatim. A Windows
// path is cleaned, and has backslashes and no drive.
func WorkingDir(current, p, os string) (config, slashed string, err error) {
	if p == "" {
		return "", "", errNoPath
	}
	if os != "windows" && path.IsAbs(p) {
		return p, path.Clean(p), nil
	}
	if current, err = withoutDrive(current, os); err != nil {
		return "", "", err
	}
	if slashed, err = AbsolutePath(current, p, os); err != nil {
		return "", "", err
	}
	slashed = path.Clean(slashed)
	config = slashed
	if os == "windows" {
		config = strings.ReplaceAll(slashed, "/", `\`)
	}
	return config, slashed, nil
}
