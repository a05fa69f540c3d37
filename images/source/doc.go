// Package source resolves references to images and indexes in registries, OCI layouts, archives and Docker Engine.
//
// A reference is one of
//
//	[REGISTRY/]REPOSITORY[:TAG|@DIGEST]     a registry; docker-image:// may come first
//	oci:DIR[:NAME]                          an OCI layout, also as oci-layout://DIR[:TAG|@DIGEST]
//	docker-archive:FILE[:NAME|@DIGEST]      an archive of docker save, skopeo, Slipway and others
//	docker-daemon:REF                       an image of Docker Engine
//
// A Resolver parses a reference once and returns its image or index, Resolved. A source is the registry, layout,
// archive or Engine of a reference. An entry is an image or index in the index.json of a layout.
//
// A full name is a reference with a registry, a repository and a tag. Nodes look for images by their full names.
// Layouts and archives of other programs may have a bare tag instead. A reference can give a full name to an image
// without one. An ambiguous reference is an error, which explains how to choose an image.
package source
