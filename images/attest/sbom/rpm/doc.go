// Package rpm reads the headers of rpm packages: of installed packages from rpm's database, and of package files.
//
// There are three formats of rpm's database. A database of Berkeley DB is a hash table
// (https://github.com/berkeleydb/libdb, src/dbinc/db_page.h), one of ndb has slots
// (https://github.com/rpm-software-management/rpm/blob/rpm-4.17.0-release/lib/backend/ndb/rpmpkg.c), and one of SQLite
// has a table Packages (https://www.sqlite.org/fileformat2.html). In each, a value is a header: entries with a tag, a
// type and an offset in the data (https://rpm-software-management.github.io/rpm/manual/format_header.html).
//
// # Why not github.com/knqyf263/go-rpmdb
//
// Databases come from images of others. With a wrong offset or page, that module panics in a goroutine of its own or
// does not return. It allocates as much memory as a length field asks for, and reads SQLite through a driver of 5 MB.
// Tests compare the results of this package with its results.
//
// # Limits
//
// All values of a database together are at most as long as its file, so that reading ends even if pages refer to one
// another. A header has at most maxEntries entries. What is kept of all headers is at most maxText bytes.
package rpm
