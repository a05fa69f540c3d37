package engine

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/slipway-build/slipway/images/buildfile"
)

// sentDockerfile is the name under which the engine reads the Dockerfile.
const sentDockerfile = "Dockerfile"

// buildFiles returns a folder with the Dockerfile and the ignore file. On disk, both may be outside
// of the context, or symlinks out of it, where the engine cannot see them. The ignore file is
// present even if it is empty, so that the engine does not look for another one.
func (j *job) buildFiles(ignored *buildfile.Ignored) fsutil.FS {
	patterns := []byte("# nothing is excluded\n")
	if ignored != nil && len(ignored.Data) > 0 {
		patterns = ignored.Data
	}
	return memoryFS{sentDockerfile: j.file.Data, sentDockerfile + ".dockerignore": patterns}
}

// A memoryFS is a folder of files in memory. (BuildKit's staticfs returns every file whose name
// starts with the requested one.)
type memoryFS map[string][]byte

// Walk implements fsutil.FS. On Windows, fsutil passes targets with backslashes.
func (m memoryFS) Walk(_ context.Context, target string, visit fs.WalkDirFunc) error {
	target = strings.Trim(filepath.ToSlash(target), "/")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if target != "" && target != name {
			continue
		}
		stat := &fstypes.Stat{Path: name, Mode: 0o644, Size: int64(len(m[name]))}
		if err := visit(name, &fsutil.DirEntryInfo{Stat: stat}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (m memoryFS) Open(name string) (io.ReadCloser, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}
