// Package delta writes deltas of archives, and applies them. A delta contains the bytes that one
// file, NEW, has and another one, OLD, lacks. OLD may be several files, joined, or the layers of images. docs/airgap-delta.md describes its format.
//
// Archives of two releases have whole frames in common, so that their delta is about as large as the frames that
// changed. Of the format of archives, the package uses only the ends of frames; any two files have a delta.
//
// # Nouns
//
//   - A run is a sequence of bytes that NEW has in common with OLD. A delta copies runs from OLD; the bytes between them
//     are added bytes, which the delta contains.
//   - A made run is a sequence of frames of NEW that is not in OLD. It is encoded again from the content of changed layers,
//     which patches make from the content of OLD.
//   - The recipe lists the runs to copy, the made runs, and the patches for their content. A delta consists of the recipe,
//     the added bytes, the patches and a digest.
//   - NEW may be read without being stored, from OLD and a temporary file of the bytes that are not copied.
package delta
