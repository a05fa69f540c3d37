package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CheckInside returns an error if file, a path in slipway.yaml, is outside the project's folder and outside the folders
// of Outside: because of "..", as an absolute path, or through a symlink. A relative path with a backslash is an error
// too. file need not exist. Destinations of publish are not checked.
func (c *Config) CheckInside(file string) error {
	if strings.Contains(file, `\`) && !isAbsolute(file) {
		return fmt.Errorf("%q: want / between folders; a backslash separates them only on Windows", file)
	}
	// Platform variables can only add folders.
	path := c.onDisk(placeholders.Replace(file))
	if isBelow(path, c.onDisk("dist")) {
		return nil // builds write it, wherever it is
	}
	for _, folder := range append([]string{c.Dir}, c.Outside...) {
		if isBelow(resolve(path), resolve(c.onDisk(folder))) {
			return nil
		}
	}
	switch {
	case isAbsolute(file):
		return fmt.Errorf("%q: want a path relative to slipway.yaml, since absolute paths differ between machines; to allow it, name its folder under outside", file)
	case isBelow(path, c.Dir):
		return fmt.Errorf("%q leads through a symlink to %s, out of the project; to allow it, name its folder under outside", file, resolve(path))
	}
	return fmt.Errorf("%q leads out of the project; to allow it, name its folder under outside", file)
}

// placeholders replaces variables in a path that is checked before their values are known.
var placeholders = strings.NewReplacer("${", "_", "}", "_")

// onDisk returns the location on disk of a path in slipway.yaml.
func (c *Config) onDisk(file string) string {
	local := filepath.FromSlash(file)
	switch {
	case filepath.IsAbs(local):
		return filepath.Clean(local)
	case isAbsolute(file): // on Windows, without a drive
		return filepath.Join(filepath.VolumeName(c.Dir), local)
	}
	return filepath.Join(c.Dir, local)
}

// resolve follows the symlinks in the part of path that exists.
func resolve(path string) string {
	for existing := path; ; existing = filepath.Dir(existing) {
		if resolved, err := filepath.EvalSymlinks(existing); err == nil {
			rest, err := filepath.Rel(existing, path)
			if err != nil {
				return path
			}
			return filepath.Join(resolved, rest)
		}
		if existing == filepath.Dir(existing) {
			return path
		}
	}
}

// isBelow reports whether path is folder or is in it. Both must be clean.
func isBelow(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// CheckImage returns an error if a file or folder of an image is outside of the project; see CheckInside. It follows
// symlinks, so it may find more problems once the files exist.
func (c *Config) CheckImage(dockerfile, context string, contexts map[string]string, options EngineOpts) error {
	var errs []error
	check := func(what string, files ...string) {
		for _, file := range files {
			if err := c.CheckInside(file); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", what, err))
			}
		}
	}
	check("context", context)
	check("dockerfile", dockerfile)
	for _, name := range slices.Sorted(maps.Keys(contexts)) {
		if folder := contextFolder(contexts[name]); folder != "" {
			check("contexts."+name, folder)
		}
	}
	for _, option := range options.Secrets {
		check("secrets", optionFiles(option)...)
	}
	for _, option := range slices.Concat(options.CacheFrom, options.CacheTo) {
		check("cache", optionFiles(option)...)
	}
	for _, option := range options.SSH {
		check("ssh", sshKeys(option)...)
	}
	return errors.Join(errs...)
}

// OnDisk returns the options with all paths of files and folders replaced by path. Keys of SSH are not replaced, since
// they are not relative to slipway.yaml.
func (e EngineOpts) OnDisk(path func(string) string) EngineOpts {
	place := func(options []string) []string {
		out := slices.Clone(options)
		for i, option := range out {
			fields := strings.Split(option, ",")
			for j, field := range fields {
				if key, value, ok := strings.Cut(field, "="); ok && isFileKey(key) {
					fields[j] = key + "=" + path(value)
				}
			}
			out[i] = strings.Join(fields, ",")
		}
		return out
	}
	e.Secrets, e.CacheFrom, e.CacheTo = place(e.Secrets), place(e.CacheFrom), place(e.CacheTo)
	return e
}

// optionFiles returns the paths in an option of an engine, such as id=NAME,src=FILE.
func optionFiles(option string) []string {
	var files []string
	for field := range strings.SplitSeq(option, ",") {
		if key, value, ok := strings.Cut(field, "="); ok && isFileKey(key) {
			files = append(files, value)
		}
	}
	return files
}

func isFileKey(key string) bool { return key == "src" || key == "source" || key == "dest" }

// sshKeys returns the keys in an SSH option, such as ID=KEY,KEY. It omits sockets of agents, which need not be in the
// project.
func sshKeys(option string) []string {
	_, list, _ := strings.Cut(option, "=")
	var files []string
	for file := range strings.SplitSeq(list, ",") {
		if info, err := os.Stat(file); file != "" && (err != nil || info.Mode()&fs.ModeSocket == 0) {
			files = append(files, file)
		}
	}
	return files
}

// contextFolder returns the folder of a named context, or "" for an image.
func contextFolder(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	switch {
	case !ok:
		return value
	case scheme == "oci-layout":
		// The value may have the name of an image in the layout, as in oci-layout://DIR:TAG.
		return rest
	}
	return ""
}
