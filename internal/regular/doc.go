// Package regular opens regular files and refuses everything else: opening a named pipe would block
// until there is a writer, ignoring signals, and a device may have no end.
package regular
