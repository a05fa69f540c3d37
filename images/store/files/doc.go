// Package files has the files of a store: it writes them atomically, notices when they are damaged, and
// keeps small values and derived files beside the blobs.
//
// # Nouns
//
//   - A Folder is the folder of a store. Its private part is .slipway.
//   - A File is an immutable file of a Folder, with a Mark: the size and checksum by which damage is
//     noticed.
//   - A record is a small value, stored under a kind and a key. Records may disappear.
//   - A derived file is made from other content, and found by a kind and a key.
//   - The digest of a source file, which is elsewhere, is kept with the state of the file for which it
//     is valid.
//
// # Damage
//
// A damaged file is one whose content is wrong, that cannot be read, or that is not a regular file. It
// is removed, and the error is a *DamagedError. Mend calls a function again after such an error, so that
// the file is made or fetched again.
package files
