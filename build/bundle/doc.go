// Package bundle packs the files of a release: archives (tar.gz, zip), Linux packages (deb, rpm, apk, Arch Linux), and
// the list of checksums for them.
//
// A bundle is an archive or a package. An entry is a file, folder or symbolic link in it. A package is the metadata of
// a Linux package.
//
// # What determines the bytes
//
// The bytes of a bundle depend on the content of the files, their paths in the bundle, the package's metadata and one
// time, the epoch. They do not depend on times, owners and umask of the disk, the order of files, the clock, the time
// zone, the host name or the number of processors. Modes follow a rule (see File.Mode), owners are root, and entries
// are sorted. The folders above an entry are entries too, so that their modes do not depend on the unpacking program.
//
// # Every output is checked
//
// A bundle is written beside its final path, and read back with readers that share no code with the writers. It is
// compared byte by byte with the files on disk, which also detects a file that changed while it was packed. Only then
// is it renamed.
//
// # Formats
//
// A tar.gz is one gzip member with a USTAR archive. PAX records are used only for what USTAR cannot represent. All
// processors compress it, in blocks whose window is the 32 KiB before them, as in pigz. It has only one member because
// old .NET and other readers stop after the first one. Symbolic links in a zip are an error, since Windows does not
// unpack them. Times in a zip are UTC, and not before 1980, where the format starts.
//
// A package is created by nfpm, in memory, which takes several times the size of its content: deb and rpm in debrpm.go,
// apk and those of Arch Linux in apkarchlinux.go.
package bundle
