module github.com/slipway-build/slipway

go 1.26.3

tool (
	github.com/fzipp/gocyclo/cmd/gocyclo
	github.com/magefile/mage
	golang.org/x/tools/cmd/deadcode
	honnef.co/go/tools/cmd/staticcheck
)

// Each requirement says what it is for. A new one comes in a commit of its own that names
// the package it stays in, the reason, and its count of modules (see house_test.go).
require (
	cuelabs.dev/go/oci/ociregistry v0.0.0-20251212221603-3adeb8663819 // tests: a registry with the referrers API of OCI 1.1; images/imagetest alone
	github.com/BurntSushi/toml v1.5.0 // containerd's hosts.toml
	github.com/CycloneDX/cyclonedx-go v0.11.0 // SBOMs; images/attest/sbom/document alone. Versions from 0.12 want a newer YAML reader
	github.com/cavaliergopher/cpio v1.0.1 // reads rpm packages; nfpm brings it anyway
	github.com/cespare/xxhash/v2 v2.3.0 // checksums of zstd frames, and of what the cache keeps
	github.com/containerd/containerd/api v1.11.1 // containerd's gRPC API, for airgap load; images/airgap/load/containerd alone. BuildKit's client brought it already
	github.com/containerd/containerd/v2 v2.3.3 // the content interface that BuildKit's client asks for, and challenges of registries
	github.com/containerd/continuity v0.5.0 // tests: resolve links as BuildKit does
	github.com/containerd/errdefs v1.0.0 // the kinds of errors that engines answer
	github.com/containerd/errdefs/pkg v0.3.0 // errors of gRPC as errors of errdefs; images/airgap/load/containerd alone
	github.com/containerd/log v0.1.0 // the logger of BuildKit's client, to be silenced
	github.com/containerd/platforms v1.0.0-rc.4 // how containerd matches and orders platforms
	github.com/digitorus/pkcs7 v0.0.0-20250730155240-ffadbf3f398c // the certificates in a timestamp, before it is verified with them; images/attest/keyless alone. digitorus/timestamp requires it
	github.com/digitorus/timestamp v0.0.0-20250524132541-c45532741eea // requests to timestamp authorities (RFC 3161), and their answers; images/attest/keyless alone
	github.com/distribution/reference v0.6.0 // Docker's grammar of names
	github.com/docker/cli v29.6.2+incompatible // Docker's config.json, and ssh:// addresses of engines
	github.com/docker/docker v28.5.2+incompatible // Docker Engine's client; images/engine alone, for --builder docker and docker-daemon: sources
	github.com/docker/docker-credential-helpers v0.9.8 // the protocol of credential helpers
	github.com/github/go-spdx/v2 v2.8.0 // SPDX's list of licences; images/attest/sbom/document alone
	github.com/go-json-experiment/json v1.27.2 // the next encoding/json: refuses duplicate members, and canonicalizes (RFC 8785); images/attest. It brings no other module
	github.com/gofrs/flock v0.13.0 // file locks of the cache and of dist, on Linux and Windows
	github.com/google/go-cmp v0.7.0 // tests: readable differences
	github.com/google/go-containerregistry v0.21.7 // images, indexes, manifests and names; registries speak through images/registry
	github.com/google/go-github/v84 v84.0.0 // releases and their assets; build/publish alone
	github.com/google/jsonschema-go v0.4.3 // docs/slipway.schema.json, and the tests that check slipway.yaml files against it
	github.com/goreleaser/nfpm/v2 v2.45.0 // deb and rpm; build/bundle alone. It brings 33 of 113 modules and 3.4 of 36 MB; nothing lighter writes deb, rpm, apk and archlinux
	github.com/hashicorp/hcl/v2 v2.24.0 // docker-bake.hcl; build/scaffold/convert alone, for slipway init --from bake. It brings 4 modules and 2.7 of 58 MB
	github.com/in-toto/attestation v1.2.0 // the types of in-toto statements and SLSA predicates; BuildKit's client brings it anyway
	github.com/johannesboyne/gofakes3 v1.2.0 // tests: an S3 server in memory; it brings two other modules
	github.com/klauspost/compress v1.20.3 // gzip and zstd of registries; our own encoder is images/zstd
	github.com/klauspost/pgzip v1.2.6 // gzip on all cores, with the same bytes whatever their number
	github.com/knqyf263/go-rpmdb v0.1.1 // tests: reads databases of rpm, to compare results with
	github.com/magefile/mage v1.17.2 // the targets, as a library and as a tool
	github.com/mattn/go-runewidth v0.0.16 // columns of text on terminals
	github.com/minio/minio-go/v7 v7.1.0 // S3; build/publish and images/cache/places. It brings 11 of 124 modules and 1.1 of 38 MB, where AWS's client brings 16 and 4.7 MB. Versions from 7.2 require the modules of a linter
	github.com/moby/buildkit v0.32.2 // the Dockerfile parser, its checks, and the client of buildkitd
	github.com/moby/docker-image-spec v1.3.1 // what Docker adds to an image's config, such as HEALTHCHECK
	github.com/moby/go-archive v0.2.0 // tells the compression of a remote file of ADD, as BuildKit does
	github.com/moby/patternmatcher v0.6.1 // the patterns of .dockerignore
	github.com/opencontainers/go-digest v1.0.0 // digests as BuildKit spells them
	github.com/opencontainers/image-spec v1.1.1 // the types of OCI's specification
	github.com/openvex/go-vex v0.2.8 // VEX documents; images/attest/vex alone. It brings 2 other modules; 0.2.9 needs newer ones of YAML and protobuf
	github.com/package-url/packageurl-go v0.1.7 // package URLs; images/attest/proof, images/attest/sbom
	github.com/secure-systems-lab/go-securesystemslib v0.11.0 // cosign's encrypted keys, and the encoding that DSSE signs; images/attest/sign alone. BuildKit brought it already
	github.com/sigstore/protobuf-specs v0.5.1 // Sigstore bundles and trusted roots; images/attest/sign and keyless. It brings no other module
	github.com/sigstore/timestamp-authority/v2 v2.1.2 // verifies timestamps; images/attest/keyless alone. It brings 2 modules, digitorus/timestamp and its pkcs7. sigstore-go would bring 50 and 5 MB
	github.com/sirupsen/logrus v1.9.4 // the logger of BuildKit's client, to be silenced
	github.com/spdx/tools-golang v0.5.7 // SBOMs; images/attest/sbom/document alone
	github.com/spf13/cobra v1.10.2 // the command line; build/cli alone
	github.com/spf13/pflag v1.0.10 // flags of the command line
	github.com/tonistiigi/dchapes-mode v0.0.0-20250318174251-73d941a28323 // symbolic modes of --chmod, as BuildKit reads them
	github.com/tonistiigi/fsutil v0.0.0-20260717003753-6d9dc2ebad62 // file trees that BuildKit's client sends
	github.com/transparency-dev/merkle v0.0.2 // proofs that a log has an entry; images/attest/keyless alone. It brings no other module
	github.com/ulikunitz/xz v0.5.15 // ADD of .tar.xz files
	github.com/vbauerster/mpb/v8 v8.9.3 // progress bars; progress alone
	github.com/zclconf/go-cty v1.16.3 // the values of hcl
	go.opentelemetry.io/otel v1.44.0 // spans; build/traces alone. BuildKit's client brought it, the SDK and the protocol already
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.44.0 // sends spans to a collector; build/traces alone. It brings one more module, cenkalti/backoff
	go.opentelemetry.io/otel/sdk v1.44.0 // spans; build/traces alone
	go.opentelemetry.io/otel/trace v1.44.0 // spans; build/traces alone
	go.opentelemetry.io/proto/otlp v1.10.0 // tests: a collector; build/traces alone
	go.yaml.in/yaml/v3 v3.0.4 // slipway.yaml, with the line of each value
	golang.org/x/crypto v0.57.0 // cryptobyte: the extensions of certificates; images/attest/keyless alone
	golang.org/x/mod v0.41.0 // versions, module paths and go.mod files
	golang.org/x/sync v0.23.0 // errgroup and semaphore
	golang.org/x/sys v0.48.0 // system calls of Linux and Windows
	golang.org/x/term v0.46.0 // whether a stream is a terminal, its width, and passwords without echo
	golang.org/x/text v0.42.0 // reads text with a byte order mark
	golang.org/x/tools v0.51.0 // txtar files of tests
	google.golang.org/grpc v1.82.1 // the connection to buildkitd, and its errors
	google.golang.org/protobuf v1.36.12-0.20260120151049-f2248ac996af // BuildKit's messages
)

require (
	dario.cat/mergo v1.0.2 // indirect
	github.com/AlekSi/pointer v1.2.0 // indirect
	github.com/Masterminds/goutils v1.1.1 // indirect
	github.com/Masterminds/semver/v3 v3.4.0 // indirect
	github.com/Masterminds/sprig/v3 v3.3.0 // indirect
	github.com/Microsoft/go-winio v0.6.3-0.20251027160822-ad3df93bed29 // indirect
	github.com/ProtonMail/go-crypto v1.4.1 // indirect
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/agext/levenshtein v1.2.3 // indirect
	github.com/anchore/go-struct-converter v0.1.0 // indirect
	github.com/apparentlymart/go-textseg/v15 v15.0.0 // indirect
	github.com/blakesmith/ar v0.0.0-20190502131153-809d4375e1fb // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cloudflare/circl v1.6.3 // indirect
	github.com/containerd/ttrpc v1.2.9 // indirect
	github.com/containerd/typeurl/v2 v2.3.0 // indirect
	github.com/cyphar/filepath-securejoin v0.6.0 // indirect
	github.com/docker/go-connections v0.7.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/emirpasic/gods v1.18.1 // indirect
	github.com/felixge/httpsnoop v1.0.4 // indirect
	github.com/fzipp/gocyclo v0.6.0 // indirect
	github.com/go-git/gcfg v1.5.1-0.20230307220236-3a3c6141e376 // indirect
	github.com/go-git/go-billy/v5 v5.7.0 // indirect
	github.com/go-git/go-git/v5 v5.16.4 // indirect
	github.com/go-ini/ini v1.67.0 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/gobwas/glob v0.2.3 // indirect
	github.com/golang/groupcache v0.0.0-20241129210726-2c02b8208cf8 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/google/rpmpack v0.7.1 // indirect
	github.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/goreleaser/chglog v0.7.4 // indirect
	github.com/goreleaser/fileglob v1.4.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.29.0 // indirect
	github.com/huandu/xstrings v1.5.0 // indirect
	github.com/in-toto/in-toto-golang v0.11.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jbenet/go-context v0.0.0-20150711004518-d14ea06fba99 // indirect
	github.com/kevinburke/ssh_config v1.2.0 // indirect
	github.com/klauspost/cpuid/v2 v2.2.11 // indirect
	github.com/klauspost/crc32 v1.3.0 // indirect
	github.com/minio/crc64nvme v1.1.1 // indirect
	github.com/minio/md5-simd v1.1.2 // indirect
	github.com/mitchellh/copystructure v1.2.0 // indirect
	github.com/mitchellh/go-wordwrap v1.0.1 // indirect
	github.com/mitchellh/reflectwalk v1.0.2 // indirect
	github.com/moby/locker v1.0.1 // indirect
	github.com/moby/sys/atomicwriter v0.1.0 // indirect
	github.com/moby/sys/signal v0.7.1 // indirect
	github.com/moby/term v0.5.2 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/pjbgf/sha1cd v0.3.2 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/planetscale/vtprotobuf v0.6.1-0.20240319094008-0393e58bdf10 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/rs/xid v1.6.0 // indirect
	github.com/ryszard/goskiplist v0.0.0-20150312221310-2dfbae5fcf46 // indirect
	github.com/sergi/go-diff v1.3.2-0.20230802210424-5b0b94c5c0d3 // indirect
	github.com/shibumi/go-pathspec v1.3.0 // indirect
	github.com/shopspring/decimal v1.4.0 // indirect
	github.com/skeema/knownhosts v1.3.1 // indirect
	github.com/spf13/cast v1.10.0 // indirect
	github.com/tinylib/msgp v1.6.1 // indirect
	github.com/tonistiigi/go-csvvalue v0.0.0-20240814133006-030d3b2625d0 // indirect
	github.com/xanzy/ssh-agent v0.3.3 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	gitlab.com/digitalxero/go-conventional-commit v1.0.7 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc v0.69.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace v0.69.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp v0.69.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.44.0 // indirect
	go.opentelemetry.io/otel/metric v1.44.0 // indirect
	go.shabbyrobe.org/gocovmerge v0.0.0-20230507111327-fa4f82cfbf4d // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/telemetry v0.0.0-20260924152758-ed294f943157 // indirect
	golang.org/x/xerrors v0.0.0-20200804184101-5ec99f83aff1 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260526163538-3dc84a4a5aaa // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260526163538-3dc84a4a5aaa // indirect
	gopkg.in/warnings.v0 v0.1.2 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)
