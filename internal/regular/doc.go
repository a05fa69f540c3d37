// Package regular opens regular files, by names that a user gave or that were found in
// a folder, and refuses all others. Opening a named pipe would wait for a writer, even
// against signals, and reading a device may never end.
package regular
