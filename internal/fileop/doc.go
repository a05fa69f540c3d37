// Package fileop renames and removes files, on hosts where another process may
// block that for a moment.
//
// On Windows a file that is open cannot be renamed, replaced or removed, unless
// whoever opened it allowed that; virus scanners and indexers open every new file
// for some milliseconds, and other Slipway processes read what lies in a shared
// cache. So each operation is tried again for a bounded time while it fails for
// such a reason. On other hosts nothing is tried twice. The go command has the same
// problem (cmd/internal/robustio, golang.org/issue/25965).
//
// It also has what such code needs to know of paths: whether two name one place, and the
// reason in an error without the path.
package fileop
