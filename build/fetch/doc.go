// Package fetch brings files of other projects into this one: programs for Windows, charts, licenses.
//
// A file is named by its URL and identified by its SHA-256. The cache has the files that were fetched, by their SHA-256;
// each is verified whenever it is used. Its content goes to a place: a file, or the folder that an archive is unpacked to.
// A record says which files of the project a place consists of, and how they looked, so that a second run costs one stat
// for each.
//
// A transfer that breaks off is resumed where it stopped, in the same run or the next. Package
// httpretry decides which failures may pass; those are tried again.
//
// An archive is a tar, compressed or not, or a zip. Entries that lead out of the folder, and those that are neither file,
// folder nor link, are errors. Files that are executable get the mode 0755, others 0644. Everything is unpacked beside the
// folder and moved there at the end; files of other origin in the folder stay.
package fetch
