// Package lint finds defects of an index of images, and properties that surprise the user of a node that pulls it.
//
// An entry is a descriptor of an index. A child is the manifest that an entry refers to, with the config of an image. A
// node is a host that pulls an index and runs one of its images. A rule is one kind of defect; it has a severity, the
// reason why the defect matters, and advice. A finding is a rule that the entries of an index break.
//
// The package imitates containerd: of the entries that a node can run, containerd takes the first in the order that
// github.com/containerd/platforms defines; on Windows, a node can also run images for an older version of the system
// (containerd/core/images, Manifest). Children are only read through images.Manifests.
package lint
