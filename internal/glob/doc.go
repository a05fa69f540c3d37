// Package glob selects files below a folder by patterns.
//
// Patterns are those of .dockerignore: * and ? match within one element of a path, [a-z] matches a character, and **
// matches any number of folders. A pattern that matches a folder matches everything below it. A pattern after !
// excludes paths that earlier patterns select. Paths and patterns have slashes on every system.
package glob
