// Package catalog reads the information about software in the files of one archive, in one pass over its bytes. It does
// not unpack the archive.
//
// # Nouns
//
//   - A Layer is the result for one tar: a layer of an image, or a bundle. It has the header of each entry, the
//     digests of each file, and the facts.
//   - Facts are the information in one file: the build info of a Go program, the packages of a package
//     database, the files or the licences of a package, or the name of the operating system.
//   - A database is the file in which a package manager keeps the list of installed packages. A file of a layer is a
//     database of an image only if no later layer hides it; package sbom decides that.
//
// # Sources
//
//   - Go programs: debug/buildinfo, of ELF, PE and Mach-O files, also of stripped ones.
//   - dpkg: /var/lib/dpkg/status, and the files of status.d in distroless images; the lists of files in info/*.list
//     and *.md5sums; licences from /usr/share/doc/PACKAGE/copyright
//     (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
//   - apk: /lib/apk/db/installed (https://wiki.alpinelinux.org/wiki/Apk_spec#Syntax).
//   - rpm: the databases that package rpm reads.
//   - os-release(5).
//
// # Untrusted content
//
// A file whose content does not match its name or its first bytes is not an error of the layer, which may still be
// usable. Facts.Problem describes what is wrong with the file. Memory is bounded: text is read line by line, programs and
// databases above a limit are copied to a temporary file, and what is kept of a file and of a layer is limited. Files
// whose facts exceed the limits have a Problem.
package catalog
