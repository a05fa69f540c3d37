// Package parts writes archives as one file, or split into parts of a limited size, which appear complete or not at all.
// The package format reads them.
package parts
