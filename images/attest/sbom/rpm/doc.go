// Package rpm reads the headers of rpm packages: of those that are installed, out of rpm's database, and of package
// files.
//
// rpm has kept its database in three formats. A database of Berkeley DB is a hash table
// (https://github.com/berkeleydb/libdb, src/dbinc/db_page.h), one of ndb has slots
// (https://github.com/rpm-software-management/rpm/blob/rpm-4.17.0-release/lib/backend/ndb/rpmpkg.c), and one of SQLite
// a table Packages (https://www.sqlite.org/fileformat2.html). In each, a value is a header: entries with a tag, a type
// and a place in the data (https://rpm-software-management.github.io/rpm/manual/format_header.html).
//
// # Why not github.com/knqyf263/go-rpmdb
//
// Databases come from images of others. That module panics in a goroutine of its own or never ends if an offset or a
// page is wrong, allocates what a length says, and reads SQLite through a driver of 5 MB. Tests compare the results of
// this package with its results.
//
// # Limits
//
// The values that a database returns are together at most as long as its file, so that pages that refer to one another
// end. A header has at most maxEntries entries.
package rpm
