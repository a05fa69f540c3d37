// Package content decides of which bytes of the old layers the new layers of an archive are made. It compares the files
// in the layers, and changes nothing.
//
// # Nouns
//
//   - A content is a sequence of bytes of a tar of an archive: the layers that are needed, one after another. OLD and NEW
//     each have one. A Range is a part of a content.
//   - A Part is a range of a content with a meaning: a layer, or bytes between layers.
//   - A member is a file in a layer, or a whole part that is not a tar.
//   - The partner of a member of NEW is the member of OLD that it resembles most.
//   - A Step makes the next bytes of NEW: it copies bytes of OLD, or has to be a patch that is applied to ranges of OLD.
package content
