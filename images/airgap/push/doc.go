// Package push makes the images of archives ready for registries.
//
// Registries and nodes expect compressed layers. A .tar.gz keeps the gzip stream of each layer that the registry served
// as gzip: it is sent as it is. Other uncompressed layers are compressed, once for all registries. If the proof of an
// archive has the registry's manifest of an image, and all of its layers have the digests in that manifest, the image is
// restored: it gets that manifest. Otherwise it gets a new one, with the same config.
package push
