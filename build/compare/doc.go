// Package compare says in words how two artifacts differ that should have been equal.
//
// An artifact is a file of a release, an image or an index. A pair is two artifacts of one name: the first is the original,
// the second the one that was made again. A member is a part of an artifact that is compared by itself: a file
// of a tar, a layer, the content of a compressed stream. A difference is a path of members and a text. A clue is a value of
// the surroundings of a build, such as the name of its host, which explains a difference if it occurs there.
//
// Pairs with equal bytes are read once, and nothing is said about them. Others are compared from the outside to the
// inside, down to the bytes: a stream's compression, a tar's headers, a program's build settings. Content is streamed, or
// copied to a temporary folder; only documents that are JSON are held in memory, up to maxText bytes.
package compare
