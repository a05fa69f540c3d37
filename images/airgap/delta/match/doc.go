// Package match finds the runs of bytes that two files have in common, wherever they are in the files. A file is cut into
// chunks by its content, and chunks of NEW are looked up among those of OLD.
package match
