package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
)

// folders are the local folders that the engine may read, by the names under which its steps
// request them.
type folders struct {
	byName map[string]fsutil.FS
	modes  images.Modes

	mu   sync.Mutex
	errs []error
}

// addContexts adds the build's contexts to the attributes of the frontend, and their folders to f.
func (j *job) addContexts(attrs map[string]string, f *folders) error {
	ignored, err := buildfile.ReadIgnored(j.build.Dir, j.build.Dockerfile, j.task.Warn)
	if err != nil {
		return fmt.Errorf("reading the build context: %w", err)
	}
	f.byName["dockerfile"] = j.buildFiles(ignored)
	errs := []error{f.add("context", j.build.Dir, "the build context", nil)}
	for name, where := range j.build.Contexts {
		errs = append(errs, j.addContext(attrs, f, name, where))
	}
	return errors.Join(errs...)
}

// addContext adds the named context name, whose content is at where.
func (j *job) addContext(attrs map[string]string, f *folders, name, where string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return fmt.Errorf("named context %q: want a name like that of an image, in lower case: %w", name, err)
	}
	// The frontend looks the name up in this form.
	key := "context:" + strings.TrimSuffix(reference.FamiliarString(named), ":latest")
	switch scheme, rest, _ := strings.Cut(where, "://"); scheme {
	case "docker-image":
		attrs[key] = "docker-image://" + rest
	case "oci-layout":
		attrs[key] = "docker-image://" + j.bases.alias(where)
	default:
		if strings.Contains(where, "://") {
			return fmt.Errorf("named context %s=%s: want a folder, docker-image://REF or oci-layout://DIR", name, where)
		}
		local := "context-" + name
		attrs[key] = "local:" + local
		what := "the named context " + name
		// BuildKit would look for an ignore file only inside the folder.
		ignored, err := buildfile.ReadIgnored(where, "", j.task.Warn)
		if err != nil {
			return fmt.Errorf("reading %s: %w", what, err)
		}
		return f.add(local, where, what, ignored)
	}
	return nil
}

// sharedKey identifies contexts across builds, so that only changed files are sent.
func sharedKey(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	host, _ := os.Hostname()
	sum := sha256.Sum256([]byte(host + "\x00" + dir))
	return hex.EncodeToString(sum[:])
}

// add lets the engine read the folder dir, except for ignored files, under name. what describes it
// in errors.
func (f *folders) add(name, dir, what string, ignored *buildfile.Ignored) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("reading %s: %s is not a directory", what, dir)
	}
	disk, err := fsutil.NewFS(dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	// File times are sent unchanged: the engine uses them to detect files that it already has.
	// settleTimes removes them from the steps that copy.
	var excluded []string
	if ignored != nil {
		excluded = ignored.Patterns
	}
	normal, err := fsutil.NewFilterFS(&careful{disk, dir, f}, &fsutil.FilterOpt{
		ExcludePatterns: excluded,
		Map: func(_ string, stat *fstypes.Stat) fsutil.MapResult {
			stat.Mode = uint32(f.modes.Of(fs.FileMode(stat.Mode)))
			stat.Uid, stat.Gid = 0, 0
			stat.Xattrs = nil
			return fsutil.MapResultKeep
		},
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	f.byName[name] = normal
	return nil
}

// failed returns the errors that occurred while the engine read.
func (f *folders) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

// careful is a file system that records the files that could not be read. fsutil would silently
// send empty files instead.
type careful struct {
	fsutil.FS
	dir     string
	folders *folders
}

func (c *careful) Open(name string) (io.ReadCloser, error) {
	r, err := c.FS.Open(name)
	if err != nil {
		c.folders.mu.Lock()
		defer c.folders.mu.Unlock()
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		c.folders.errs = append(c.folders.errs, fmt.Errorf("reading %s: %w", filepath.Join(c.dir, filepath.FromSlash(name)), err))
	}
	return r, err
}
