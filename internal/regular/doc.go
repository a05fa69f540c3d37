// Package regular opens regular files and refuses all others. Opening a named pipe would block
// until a process writes to it, even on signals, and a device may have no end.
package regular
