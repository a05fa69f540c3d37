package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/progress"
)

// Needs are what will be written to some file systems.
type Needs []*Need

// A Need has the needed and the free space of a file system, in bytes.
type Need struct {
	// Paths are the folders on it to which something is written.
	Paths []string `json:"paths"`
	Need  int64    `json:"need"`
	// Least is the lower bound of Need.
	Least int64 `json:"-"`
	Free  int64 `json:"free"`
	id    string
}

// Charge adds bytes that will be written to a folder, which need not exist. least is the lower bound of need.
func (d *Needs) Charge(folder string, need, least int64) error {
	id, free, err := fileSystem(folder)
	if err != nil {
		return fmt.Errorf("checking the free disk space of %s: %w", folder, err)
	}
	i := slices.IndexFunc(*d, func(n *Need) bool { return n.id == id })
	if i < 0 {
		i = len(*d)
		*d = append(*d, &Need{Free: free, id: id})
	}
	n := (*d)[i]
	if !slices.Contains(n.Paths, folder) {
		n.Paths = append(n.Paths, folder)
	}
	n.Need += need
	n.Least += least
	return nil
}

// Same reports whether two paths are on one file system.
func Same(a, b string) bool {
	first, _, err1 := fileSystem(a)
	second, _, err2 := fileSystem(b)
	return err1 == nil && err2 == nil && first == second
}

// Full reports whether the free space is less than the lower bound of the need.
func (n *Need) Full() bool { return n.Least > n.Free }

// String describes a need, and what to do if it is too large.
func (n *Need) String() string {
	return fmt.Sprintf("%s: about %s are needed, at least %s, but %s are free: free some, or write elsewhere (--out, -o, --cache-dir)",
		strings.Join(n.Paths, " and "), progress.FormatBytes(n.Need), progress.FormatBytes(n.Least), progress.FormatBytes(n.Free))
}

// existing returns path, or the nearest folder above it that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}
