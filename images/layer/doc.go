// Package layer turns a description of files into the one tar that describes
// them: sorted, with every parent folder, with the same bytes whatever the order
// the entries came in, the clock, or the machine.
//
// # Describe, check, write
//
// Describe takes entries in any order, adds the folders that are missing,
// sorts, and refuses what no runtime could unpack (a name twice, a file that has
// children, a link whose target comes later, a path out of the root). Only then
// can the Archive be written, and writing does nothing but stream. Key names the
// bytes that Write would produce without reading a file, so that a layer that was
// made before need not be made again.
//
// # Two forms
//
// A layer for Linux, and for a Windows image FROM scratch, is a plain tar:
// bin/, bin/tool. Layer blobs of all Windows versions are then the same.
//
// A layer on top of a real Windows base is in the form that Windows imports: two
// folders Hives and Files, the files below Files/, and PAX records with the
// attributes and the security descriptor that NTFS wants. BuildKit writes the
// same form (util/winlayers), but with the current time in it.
//
// # Whiteouts
//
// A layer is laid over the ones below it. .wh.NAME hides NAME, and
// .wh..wh..opq hides all that lower layers have in its folder (OCI image spec,
// layer.md). Those names are therefore reserved: an ordinary file that has one
// would act as an order, and is refused.
package layer
