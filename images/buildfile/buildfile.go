// Package buildfile reads the files that steer a build: the Dockerfile, and the
// ignore files of contexts. Every builder reads them here, on the host, so that
// what an ignore file excludes is in no image, whoever builds it.
//
// A symlink is followed wherever it leads, also out of the context. BuildKit sees
// only what lies inside of the context; it would not find such an ignore file, and
// would copy what that excludes (moby/moby#42108).
package buildfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

// A Dockerfile is one that has been read.
type Dockerfile struct {
	// Path is where it was found.
	Path string
	Data []byte
}

// ReadDockerfile reads the Dockerfile at path. If path ends in "Dockerfile" and
// does not exist, "dockerfile" is read, as Docker does since moby/moby#10858.
func ReadDockerfile(path string) (*Dockerfile, error) {
	data, err := regular.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(path) == "Dockerfile" {
		lower := filepath.Join(filepath.Dir(path), "dockerfile")
		if second, lowerErr := regular.ReadFile(lower); !errors.Is(lowerErr, fs.ErrNotExist) {
			path, data, err = lower, second, lowerErr
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	if err := sniff.CheckUTF8(data); err != nil {
		return nil, fmt.Errorf("reading the Dockerfile %s: %w", path, err)
	}
	return &Dockerfile{Path: path, Data: data}, nil
}

// Ignored is what an ignore file excludes from a context.
type Ignored struct {
	// File is the path of the ignore file, Data its content.
	File string
	Data []byte
	// Patterns are its patterns, as github.com/moby/patternmatcher takes them.
	Patterns []string
}

// Matcher returns a matcher of the patterns. A matcher must not be used by several
// goroutines. It is nil if nothing is excluded.
func (i *Ignored) Matcher() (*patternmatcher.PatternMatcher, error) {
	if i == nil || len(i.Patterns) == 0 {
		return nil, nil
	}
	matcher, err := patternmatcher.New(i.Patterns)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", i.File, err)
	}
	return matcher, nil
}

// ReadIgnored reads the ignore file of the context dir. For the build context,
// dockerfile is the path of the Dockerfile: DOCKERFILE.dockerignore goes before
// .dockerignore in dir. For a named context it is empty. The result is nil if
// there is no ignore file. A symlink that leads nowhere excludes nothing, and warn
// is told.
func ReadIgnored(dir, dockerfile string, warn func(string)) (*Ignored, error) {
	names := []string{filepath.Join(dir, ".dockerignore")}
	if dockerfile != "" {
		names = append([]string{dockerfile + ".dockerignore"}, names...)
	}
	for _, name := range names {
		data, err := regular.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			if target, err := os.Readlink(name); err == nil {
				warn(fmt.Sprintf("%s is a symlink to %s, which does not exist; it excludes nothing", name, target))
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		// BuildKit would take each character for two, and exclude nothing.
		err = sniff.CheckUTF8(data)
		var patterns []string
		if err == nil {
			patterns, err = ignorefile.ReadAll(bytes.NewReader(data))
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		ignored := &Ignored{File: name, Data: data, Patterns: patterns}
		if _, err := ignored.Matcher(); err != nil {
			return nil, err
		}
		return ignored, nil
	}
	return nil, nil
}
