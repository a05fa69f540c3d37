// Package catalog reads what the files of one archive say about the software in them, in one pass over its bytes.
// It unpacks nothing.
//
// # Nouns
//
//   - A Layer is the result for one tar: a layer of an image, or a bundle. It has the header of each entry, the
//     digests of each file, and the facts.
//   - Facts are what the content of one file says: the build info of a Go program, the packages of a package
//     database, the files or the licences of a package, or the name of the operating system.
//   - A database is the file in which a package manager keeps what it installed. Files of a layer are only
//     databases of an image if no later layer hides them; package sbom decides that.
//
// # Sources
//
//   - Go programs: debug/buildinfo, of ELF, PE and Mach-O files, stripped ones too.
//   - dpkg: /var/lib/dpkg/status, and the files of status.d in distroless images; the lists of files in info/*.list
//     and *.md5sums; licences from /usr/share/doc/PACKAGE/copyright
//     (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
//   - apk: /lib/apk/db/installed (https://wiki.alpinelinux.org/wiki/Apk_spec#Syntax).
//   - rpm: the databases that package rpm reads.
//   - os-release(5).
//
// # Foreign bytes
//
// A file that cannot be read as what its name or first bytes promise is no error of the layer, which may be used
// all the same: Facts.Problem says what is wrong with it. Memory is bounded: text is read line by line, and programs
// and databases above a limit go through a temporary file.
package catalog
