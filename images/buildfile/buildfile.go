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

// A Dockerfile is the content of a Dockerfile that has been read.
type Dockerfile struct {
	// Path is the path of the file that was read.
	Path string
	Data []byte
}

// ReadDockerfile reads the Dockerfile at path. If path ends in "Dockerfile" and does not exist, it
// reads "dockerfile", as Docker does since moby/moby#10858.
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

// Ignored is the content of an ignore file.
type Ignored struct {
	// File is the path of the ignore file, Data its content.
	File string
	Data []byte
	// Patterns are in the form that github.com/moby/patternmatcher accepts.
	Patterns []string
}

// Matcher returns a new matcher of the patterns, or nil if there are none. A matcher must not be
// used by several goroutines.
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

// ReadIgnored reads the ignore file of the context dir, or returns nil if there is none. For the
// build context, dockerfile is the path of the Dockerfile: DOCKERFILE.dockerignore takes precedence
// over .dockerignore in dir. For a named context, dockerfile is empty. A dangling symlink excludes
// nothing; it is reported to warn.
func ReadIgnored(dir, dockerfile string, warn func(string)) (*Ignored, error) {
	names := []string{filepath.Join(dir, ".dockerignore")}
	if dockerfile != "" {
		names = append([]string{dockerfile + ".dockerignore"}, names...)
	}
	for _, name := range names {
		data, err := regular.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			if target, err := os.Readlink(name); err == nil {
				warn(fmt.Sprintf("%s is a symlink to %s, which does not exist: no files are excluded", name, target))
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		// BuildKit would read each character of UTF-16 as two, and exclude nothing.
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
