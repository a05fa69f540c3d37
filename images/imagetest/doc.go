// Package imagetest has images, registries and engines for tests. Only _test.go files import it.
//
// Everything that it makes is the same on every run, so that golden files may contain digests:
// content comes from names and seeds, times from Created.
//
// # Registries
//
// Registry is go-containerregistry's registry in this process. DistributionRegistry is Debian's
// docker-registry, version 2, started for the test, and is stricter; Distribution3Registry is its version 3. All listen
// only on loopback. Push fills them.
//
// # Engines and programs
//
// Docker, Containerd and Buildkit return the address of an engine, Program the path of a program.
// scripts/engines.sh starts the engines, and prints the variables with their addresses:
//
//	scripts/engines.sh start
//	eval "$(scripts/engines.sh env)"
//	go test ./...
//	scripts/engines.sh stop
//
// StartDocker, StartContainerd and StartBuildkit start an engine of one test, which can be killed.
//
// A test whose engine or program is missing is skipped, with instructions. With
// SLIPWAY_REQUIRE_ENGINES=1, as in CI, it fails instead, because a suite of skipped tests proves
// nothing.
//
// # Images
//
// Layer, Image and Index make usual images. LayerOf takes tar entries and a media type for all
// others, including foreign and zstd layers. WindowsBase is an index that builders treat like
// Microsoft's, and Attest adds the attestation manifests that BuildKit adds.
package imagetest
