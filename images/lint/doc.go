// Package lint finds what is wrong with an index of images, or will surprise a node that pulls it.
//
// An entry is a descriptor of an index. A child is the manifest that an entry refers to, with the config of an image. A
// node is a host that pulls an index and runs one of its images. A rule is one kind of defect; it has a severity, the
// reason why the defect matters, and an advice. A finding is a rule that the entries of an index break.
//
// The package knows what containerd does with an index: it takes the first of the entries that serve a node, in the
// order that github.com/containerd/platforms defines, and on Windows an older version of the system may serve, too
// (containerd/core/images, Manifest). It reads children through images.Manifests, and nothing else.
package lint
