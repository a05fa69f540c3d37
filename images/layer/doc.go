// Package layer turns a description of files into the one tar for them: sorted, with every parent
// folder, with the same bytes for any order of entries, clock and machine.
//
// An entry is one file, folder or link. A content provides the bytes of a file. An archive is a
// checked, sorted list of entries, not yet written. A form is the layout of entries: plain or
// Windows.
//
// # Describe, check, write
//
// Describe takes entries in any order, adds missing folders, sorts, and refuses what no runtime
// could unpack (a duplicate name, a file with children, a link whose target comes later, a path out
// of the root). Only then can the Archive be written, and writing only streams. Key identifies the
// bytes that Write would produce without reading a file, so an existing layer need not be written
// again.
//
// # Two forms
//
// A layer for Linux, and for a Windows image FROM scratch, is a plain tar: bin/, bin/tool. Such
// layers are the same for all versions of Windows.
//
// A layer on a real Windows base has the form that Windows imports: two folders Hives and Files,
// the files below Files/, and PAX records with the attributes and the security descriptor that NTFS
// requires. BuildKit writes the same form (util/winlayers), but with the current time in it.
//
// # Whiteouts
//
// .wh.NAME hides NAME in lower layers, and .wh..wh..opq hides everything that lower layers have in
// its folder (OCI image spec, layer.md). These names are reserved: an ordinary file with such a
// name would act as a whiteout, and is refused.
package layer
