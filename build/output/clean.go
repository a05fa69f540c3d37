package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/usage"
)

// temporaryName matches the names of unfinished files of replaceFile, and of the packages bundle and airgap. final is
// the final name of the file.
var temporaryName = regexp.MustCompile(`^\.(slipway-[0-9]+|(?P<final>.+)\.[0-9]+\.tmp(\.part[0-9]{3})?)$`)

// IsTemporary reports whether name is the name of an unfinished file.
func IsTemporary(name string) bool { return temporaryName.MatchString(name) }

// Sweep removes the unfinished files of killed runs from the folder. The caller must hold the lock for writing. names
// are the planned paths, since other programs may write other files here. Errors are ignored, since leftovers do no
// harm.
func (f Folder) Sweep(names map[string]bool) {
	planned := map[string]bool{"": true}
	for name := range names {
		planned[filepath.Base(filepath.FromSlash(name))] = true
	}
	for _, folder := range []string{"dist", "dist/artifacts", "dist/proof"} {
		entries, _ := os.ReadDir(f.Path(folder))
		for _, e := range entries {
			if m := temporaryName.FindStringSubmatch(e.Name()); m != nil && planned[m[temporaryName.SubexpIndex("final")]] {
				_ = fileop.Remove(filepath.Join(f.Path(folder), e.Name()))
			}
		}
	}
	folders, _ := f.binaryFolders()
	for _, folder := range folders {
		_ = compile.RemoveLeftovers(f.Path(folder))
	}
}

// binaryFolders returns the folders of platforms in dist/bin. Other entries belong to other programs.
func (f Folder) binaryFolders() ([]string, error) {
	entries, err := os.ReadDir(f.Path("dist/bin"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		if _, err := images.ParsePlatform(strings.ReplaceAll(e.Name(), "-", "/")); err == nil && e.IsDir() {
			folders = append(folders, "dist/bin/"+e.Name())
		}
	}
	return folders, nil
}

// Clean removes the results of runs from the folder, but no other files, since other programs may use it too. names are
// the planned paths. A folder other than dist must have the layout that every run makes first. Clean removes the layout
// last.
func (f Folder) Clean(ctx context.Context, names map[string]bool) error {
	if f.Dist != "" {
		if _, err := os.Stat(f.Path("dist/oci/oci-layout")); errors.Is(err, fs.ErrNotExist) {
			return usage.Errorf("cleaning: missing oci/oci-layout in %s, so it is not an output folder of slipway", f.root())
		} else if err != nil {
			return fmt.Errorf("cleaning: %w", err)
		}
	}
	lock, err := f.Lock(ctx, true)
	if err != nil {
		return fmt.Errorf("cleaning: %w", err)
	}
	defer lock.Release()
	f.Sweep(names)
	made, err := f.binaryFolders()
	if err != nil {
		return fmt.Errorf("cleaning: %w", err)
	}
	made = append(made, ReportFile, "dist/artifacts", "dist/proof")
	// Everything in dist/oci except for the lock.
	for _, folder := range []string{path.Dir(lockFile), "dist/oci"} {
		entries, err := os.ReadDir(f.Path(folder))
		if err != nil {
			return fmt.Errorf("cleaning: %w", err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(lockFile, folder+"/"+e.Name()) && e.Name() != "oci-layout" {
				made = append(made, folder+"/"+e.Name())
			}
		}
	}
	for _, m := range append(made, "dist/oci/oci-layout") {
		if err := fileop.RemoveAll(f.Path(m)); err != nil {
			return fmt.Errorf("cleaning: %w", err)
		}
	}
	lock.remove()
	// Remove the folders if they are empty.
	for _, folder := range []string{path.Dir(lockFile), "dist/oci", "dist/bin", "dist"} {
		_ = fileop.Remove(f.Path(folder))
	}
	return nil
}
