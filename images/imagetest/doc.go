// Package imagetest holds images, registries and engines for tests. Only
// _test.go files import it.
//
// Everything it makes is the same on every run, so that digests may stand in
// goldens: content comes from names and seeds, times from Created.
//
// # Registries
//
// Registry is go-containerregistry's in this process; DistributionRegistry is
// Debian's docker-registry, started for the test, and is stricter. Both listen on
// loopback alone. Push fills them.
//
// # Engines and programs
//
// Docker, Containerd and Buildkit give the address of an engine, Program the
// path of a program. The engines are started by scripts/engines.sh, which prints
// the variables that name them:
//
//	scripts/engines.sh start
//	eval "$(scripts/engines.sh env)"
//	go test ./...
//	scripts/engines.sh stop
//
// A test whose engine or program is missing is skipped and says how to get it.
// With SLIPWAY_REQUIRE_ENGINES=1, as in CI, it fails instead: a suite that skips
// itself proves nothing.
//
// # Images
//
// Layer, Image and Index are the plain case; LayerOf takes tar entries and a
// media type for every other, foreign and zstd layers among them. WindowsBase is
// an index that looks to a builder like Microsoft's, and Attest adds the
// attestation manifests that BuildKit adds.
package imagetest
