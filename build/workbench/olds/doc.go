// Package olds finds what a delta is made for and applied to: archives, and the layers of images in OCI layouts,
// registries, Docker Engine and containerd.
//
// # Nouns
//
//   - An old is one of these, as a user names it. The old of a file is its path or URL; others begin with oci:,
//     docker-image:// or another prefix, as references of package images/source do, or with registry: or containerd:.
//   - A wanted layer is one that a delta needs. It is known by its SHA-256, which is its digest or its diff ID.
package olds
