// Package verify checks archives, of this program and of others. It reports what is damaged or missing, what
// some reader refuses, and what some reader reads differently than another one.
//
// It imports package format, and none of the packages that read or write archives, so that it finds their
// faults. house_test.go keeps that.
//
// A good archive on disk is read on all cores. Any other is read from its beginning, as nodes read it, so that the report
// says the same at each run.
//
// # Nouns
//
//   - A content is a file of the archive, with the digests that were taken of it.
//   - A viewed image is an image as one of the two views describes it.
//   - A problem means that the archive is bad. A note says what is unusual.
package verify
