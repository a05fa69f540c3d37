// Package fetch copies files of other projects into this one: programs for Windows, charts, licenses.
//
// A file has a URL, and is identified by its SHA-256. The cache contains the fetched files by their SHA-256; each is
// verified whenever it is used. The content of a file goes to its place: a file, or the folder that an archive is
// unpacked to. A record lists the files of a place and their state, so that a second run takes only one stat for each.
//
// A transfer that is interrupted is resumed at the same byte, in the same run or the next. Temporary failures, as
// defined by package httpretry, are tried again.
//
// An archive is a tar, compressed or not, or a zip. Entries outside of the folder, and entries that are not a file,
// folder or link, are errors. Executable files get the mode 0755, others 0644. An archive is unpacked beside the
// folder, and its files are moved there at the end. Other files in the folder are kept.
package fetch
