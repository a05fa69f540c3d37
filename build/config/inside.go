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

// CheckInside returns an error if file, a path of slipway.yaml, leads out of the project's
// folder and of those that Outside names, be it by "..", as an absolute path or through
// a symlink. file need not exist. What publish writes to is a destination, and not
// checked. A relative path with a backslash is an error too.
func (c *Config) CheckInside(file string) error {
	if strings.Contains(file, `\`) && !isAbsolute(file) {
		return fmt.Errorf("%q: want / between folders; a backslash separates them on Windows alone", file)
	}
	// Variables that differ by platform add folders at the most.
	path := c.onDisk(placeholders.Replace(file))
	if isBelow(path, c.onDisk("dist")) {
		return nil // what a build makes, wherever it lies
	}
	for _, folder := range append([]string{c.Dir}, c.Outside...) {
		if isBelow(resolve(path), resolve(c.onDisk(folder))) {
			return nil
		}
	}
	switch {
	case isAbsolute(file):
		return fmt.Errorf("%q: want a path relative to slipway.yaml, since an absolute one is another on each machine; if it is meant, name its folder under outside", file)
	case isBelow(path, c.Dir):
		return fmt.Errorf("%q leads through a symlink to %s, out of the project; if that is meant, name its folder under outside", file, resolve(path))
	}
	return fmt.Errorf("%q leads out of the project; if that is meant, name its folder under outside", file)
}

// placeholders stand for variables in a path that is looked at before they are known.
var placeholders = strings.NewReplacer("${", "_", "}", "_")

// onDisk is where a path of slipway.yaml lies.
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

// resolve follows the symlinks of path, as far as it exists.
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

// isBelow says whether path is folder or lies in it; both are clean.
func isBelow(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// checkImage returns an error if a file or folder that an image is made from leads out of the project; see
// checkInside. It follows links, so that it finds more when the files exist.
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

// onDisk returns the options with the paths of files and folders as path has them. Keys of SSH stay as they are:
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

// optionFiles are the paths in options of an engine, such as id=NAME,src=FILE.
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

// sshKeys are the paths in an option of ssh, such as ID=KEY,KEY. A socket is an agent's,
// and lies where the agent puts it.
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

// contextFolder is the folder of a named context, or "" if it is an image.
func contextFolder(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	switch {
	case !ok:
		return value
	case scheme == "oci-layout":
		// A layout may be named with an image in it, as in oci-layout://DIR:TAG.
		return rest
	}
	return ""
}
