// Package pack writes archives of images, and reads each archive back as any reader does.
//
// An image takes these steps: it is resolved to a platform's image (package source), judged by
// the rules of package format, arranged with layers that are like its own (package arrange), and
// written as frames (package frame): one for the views, configs and manifests, which come first,
// then those of the layers. The archive is read back and compared before it gets its name.
package pack
