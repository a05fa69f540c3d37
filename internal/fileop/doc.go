// Package fileop renames and removes files, even if another process blocks that temporarily.
//
// On Windows, an open file cannot be renamed, replaced or removed unless the process that opened it
// allows that. Virus scanners and indexers open every new file for some milliseconds, and other
// Slipway processes read from a shared cache. Each operation is therefore retried for a limited
// time if it fails for such a reason. On other hosts nothing is retried. The go command solves the
// same problem in cmd/internal/robustio (golang.org/issue/25965).
//
// A leftover is a temporary file of a killed process. The package also has helpers for paths:
// whether two paths name the same file, and the reason in an error without its path.
package fileop
