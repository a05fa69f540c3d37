// Software report describes a release and the runs that made it, as data: what it consists of, what its images and
// archives share, where the time went, and what has changed since another release. Software page writes it as a page.
//
// # Sources
//
// A Source is a release that can be described: a dist, a folder or URL with published files, an artifacts.json, or an
// earlier report, which contains its data. An archive is only listed, not unpacked, and on a web server only its index is
// read. What a source does not have, such as the images of a published release, is missing in the report without an error;
// what cannot be read is a note of it.
//
// # Nouns
//
//   - A Document is the report as data.
//   - A SizedImage is one that the release made, with its layers as they are in a registry, or one of an archive.
//   - A SizedArchive is an air-gap archive. Its formats, such as .tar.zst and .tar.gz, have the same images, and the
//     smallest one is described.
//   - A SharedLayer is in several images.
//   - Software is a package that SBOMs of the release list.
//   - Changes are the differences between two releases.
package report
