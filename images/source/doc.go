// Package source finds what references name: images and indexes in registries, OCI layouts, archives and Docker Engine.
//
// A reference is one of
//
//	[REGISTRY/]REPOSITORY[:TAG|@DIGEST]     a registry; docker-image:// may come first
//	oci:DIR[:NAME]                          an OCI layout, also as oci-layout://DIR[:TAG|@DIGEST]
//	docker-archive:FILE[:NAME|@DIGEST]      an archive of docker save, skopeo, Slipway and others
//	docker-daemon:REF                       an image of Docker Engine
//
// A Resolver parses a reference once and returns what it names, Resolved. A source is the place that a reference is
// about. An entry is an image or index that index.json of a layout lists.
//
// A full name is a reference with a registry, a repository and a tag: nodes look for images by it. A bare tag is what
// layouts and archives of other programs may have in its place. A reference can give a full name to an image without one.
// If it cannot tell which image is meant, it is an error that says how to choose one.
package source
