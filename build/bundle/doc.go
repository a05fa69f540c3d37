// Package bundle packs the files of a release: archives (tar.gz, zip), Linux
// packages (deb, rpm), and the list of checksums that goes with them.
//
// # What decides the bytes
//
// The files' content, their paths in the bundle, the package's description and one
// time, the epoch. Not the disk's times, owners and umask, not the order in which
// files are named, not the clock, the time zone, the host's name or the number of
// processors. Modes come from a rule (see File.Mode), owners are root, entries are
// sorted, and the folders above an entry are entries too, so that whoever unpacks
// does not choose their modes.
//
// # What leaves this room is checked
//
// A bundle is written beside its final place, read back with readers that share
// nothing with the writers, and compared with the files on disk byte by byte,
// which also finds a file that changed while it was packed. Only then it takes
// its name.
//
// # Formats
//
// A tar.gz is one gzip member around a USTAR archive, with PAX records only for
// what USTAR cannot hold. It is compressed by all processors, in blocks that see
// the 32 KiB before them, as pigz does it, because old .NET and other readers
// stop after the first of several members. A zip holds no symbolic links, which Windows
// does not unpack; they are an error. Its times are UTC and not before 1980, where
// zip begins.
//
// A deb or rpm is made by nfpm, in memory: it takes a few times the size of what is
// in it.
package bundle
