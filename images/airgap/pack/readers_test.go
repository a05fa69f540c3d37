package pack_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A readersCase is an archive for tests with real readers.
type readersCase struct {
	name  string
	all   []pack.Image
	paths map[format.Codec]string
}

// wholeIndexes is the case of an archive with a complete index, and one of its images.
const wholeIndexes = "original with its index"

// withAttestations is the case of an archive of one image, whose index has attestations as a release makes them.
const withAttestations = "original with the attestations of a release"

// withProof is the case of an archive of one image that carries a proof.
const withProof = "with proof"

// readersCases returns all layouts: uncompressed and original layers, Linux and Windows, on a base and FROM scratch.
func readersCases(t *testing.T) []readersCase {
	t.Helper()
	base, err := images.ImageFor(imagetest.WindowsBase(t, "10.0.20348.4294"), imagetest.Platform(t, "windows/amd64:10.0.20348.4294"))
	if err != nil {
		t.Fatal(err)
	}
	windows := []pack.Image{
		{Names: []name.Reference{airgaptest.Ref(t, "acme/runtime:v1-windows-amd64"), airgaptest.Ref(t, "acme/runtime:v1")}, Own: true,
			Image: imagetest.Image(t, "windows/amd64:10.0.20348.4294", imagetest.Layer(t, imagetest.Files{"bin/slipway.exe": imagetest.Words(1, 90_000), "charts/": ""}))},
		{Names: []name.Reference{airgaptest.Ref(t, "registry.example.com/acme/base:v1")}, Image: base},
	}
	var cases []readersCase
	for _, layers := range []string{"uncompressed", "original"} {
		for system, all := range map[string][]pack.Image{"linux": airgaptest.GzipImages(t), "windows": windows} {
			cases = append(cases, readersCase{layers + " " + system, all, airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: images.ArchiveLayers(layers)})})
		}
	}
	whole := []pack.Image{airgaptest.Indexed(t, "acme/app:v1", false)}
	cases = append(cases, readersCase{wholeIndexes, whole, airgaptest.Pack(t, airgaptest.NewStore(t), whole, pack.Options{Layers: "original"})})
	released := []pack.Image{attested(t, "acme/released:v1")}
	cases = append(cases, readersCase{withAttestations, released, airgaptest.Pack(t, airgaptest.NewStore(t), released, pack.Options{Layers: "original"})})
	proven := []pack.Image{airgaptest.Indexed(t, "acme/proven:v1", false)}
	proven[0].Names, proven[0].Proof = proven[0].Names[:1], airgaptest.SBOM()
	cases = append(cases, readersCase{withProof, proven, airgaptest.Pack(t, airgaptest.NewStore(t), proven, pack.Options{Proof: &pack.Proof{}})})
	return append(cases,
		// With layers in all forms, including zstd; these cannot be kept unchanged.
		readersCase{"mixed layers", airgaptest.SampleImages(t), airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.SampleImages(t), pack.Options{})},
		// A frame of several segments.
		readersCase{"relatives", airgaptest.Siblings(t, 3, -1), airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 3, -1), pack.Options{})})
}

// attested returns an image from an index with attestations as a release makes them.
func attested(t *testing.T, called string) pack.Image {
	t.Helper()
	var entries []images.IndexEntry
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.20348.4294"} {
		image := imagetest.Image(t, platform, imagetest.Layer(t, imagetest.Files{"bin/app": platform}))
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		subject, err := statement.NewSubject(called, digest.String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := statement.New(statement.SPDX, map[string]string{"spdxVersion": "SPDX-2.3"}, subject)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		attestation, err := attach.Attestation(digest, [][]byte{raw})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, images.IndexEntry{Image: image, Attestation: attestation})
	}
	index, err := images.NewIndex(entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pack.Image{Names: []name.Reference{airgaptest.Ref(t, called)}, Image: entries[0].Image, Index: index}
}

// eachArchive runs read with every archive. If plain is set, the archive has been decompressed by the programs that
// operators use.
func eachArchive(t *testing.T, plain bool, read func(t *testing.T, c readersCase, codec format.Codec, path string)) {
	for _, c := range readersCases(t) {
		for _, codec := range []format.Codec{format.Tar, format.Gzip, format.Zstd} {
			t.Run(c.name+" "+string(codec), func(t *testing.T) {
				path := c.paths[codec]
				if plain && codec != format.Tar {
					program := map[format.Codec]string{format.Gzip: "gzip", format.Zstd: "zstd"}[codec]
					raw, err := exec.CommandContext(t.Context(), imagetest.Program(t, program), "-dc", path).Output()
					if err != nil {
						t.Fatalf("%s: %v", program, err)
					}
					path = filepath.Join(t.TempDir(), "plain.tar")
					if err := os.WriteFile(path, raw, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				read(t, c, codec, path)
			})
		}
	}
}

func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func TestDockerReadsArchives(t *testing.T) {
	address, docker := imagetest.Docker(t), imagetest.Program(t, "docker")
	run := func(t *testing.T, args ...string) string {
		return must(t, exec.CommandContext(t.Context(), docker, append([]string{"--host", address}, args...)...))
	}
	// Engine 20.10 reads gzip by itself, but not zstd.
	eachArchive(t, true, func(t *testing.T, c readersCase, codec format.Codec, path string) {
		if strings.Contains(c.name, "windows") {
			t.Skip("a Docker Engine on Linux refuses images for Windows")
		}
		if codec == format.Gzip {
			path = c.paths[codec]
		}
		said := run(t, "load", "--input", path)
		for _, img := range c.all {
			id, err := img.Image.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range airgaptest.Tags(t, img) {
				if !strings.Contains(said, "Loaded image: "+images.Familiar(tag)+"\n") {
					t.Errorf("missing %s in the output of docker load:\n%s", images.Familiar(tag), said)
				}
				if got := strings.TrimSpace(run(t, "image", "inspect", "--format", "{{.Id}}", tag.Name())); got != id.String() {
					t.Errorf("%s is %s, want %s", tag, got, id)
				}
				run(t, "image", "rm", "--force", tag.Name())
			}
		}
	})
}

func TestContainerdReadsArchives(t *testing.T) {
	socket, ctr := imagetest.Containerd(t), imagetest.Program(t, "ctr")
	for _, platforms := range []string{"--all-platforms", "the default platform"} {
		t.Run(platforms, func(t *testing.T) {
			eachArchive(t, true, func(t *testing.T, c readersCase, codec format.Codec, path string) {
				namespace := fmt.Sprintf("slipway-readers-%x", []byte(t.Name()))[:60]
				run := func(args ...string) string {
					t.Helper()
					return must(t, exec.CommandContext(t.Context(), ctr, append([]string{"--address", socket, "--namespace", namespace}, args...)...))
				}
				args := []string{"images", "import", "--no-unpack"}
				if platforms == "--all-platforms" {
					args = append(args, platforms)
				} else if strings.Contains(c.name, "windows") {
					t.Skip("the default platform of a containerd on Linux is Linux")
				}
				run(append(args, path)...)
				have := strings.Fields(run("images", "ls", "--quiet"))
				for _, img := range c.all {
					for _, tag := range airgaptest.Tags(t, img) {
						if !slices.Contains(have, images.Qualified(tag)) {
							t.Errorf("ctr has no %s; it has %v", images.Qualified(tag), have)
						}
					}
				}
				// check reads every blob of every image.
				checked := run("images", "check")
				if n := strings.Count(checked, "complete ("); n != len(have) {
					t.Errorf("%d of %d images are complete:\n%s", n, len(have), checked)
				}
				run(append([]string{"images", "rm", "--sync"}, have...)...)
			})
		})
	}
}

func TestSkopeoReadsArchives(t *testing.T) {
	skopeo := imagetest.Program(t, "skopeo")
	eachArchive(t, true, func(t *testing.T, c readersCase, codec format.Codec, path string) {
		for _, img := range c.all {
			platform, err := images.ConfigPlatform(img.Image)
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range airgaptest.Tags(t, img) {
				for _, from := range []string{"docker-archive:" + path + ":" + images.Familiar(tag), "oci-archive:" + path + ":" + tag.TagStr()} {
					if strings.HasPrefix(from, "oci-archive:") && countTag(t, c.all, tag.TagStr()) != 1 {
						continue // skopeo finds an OCI archive's images only by their tags
					}
					// A copy reads and verifies every layer.
					copied := func(from string) {
						must(t, exec.CommandContext(t.Context(), skopeo, "copy", "--quiet", "--override-os", platform.OS, "--override-arch", platform.Architecture,
							from, "dir:"+filepath.Join(t.TempDir(), "copy")))
					}
					copied(from)
					if c.name == withProof {
						// An archive of one image is read without a name. With an entry of index.json for the proof,
						// skopeo would require a name.
						copied("oci-archive:" + path)
						copied("docker-archive:" + path)
					}
				}
			}
		}
	})
}

func countTag(t *testing.T, all []pack.Image, want string) int {
	n := 0
	for _, img := range all {
		for _, tag := range airgaptest.Tags(t, img) {
			if tag.TagStr() == want {
				n++
			}
		}
	}
	return n
}

// RKE2's bootstrap (wharfie, pkg/tarfile) looks up the tag in manifest.json, and reopens the archive for each file that
// it reads. Its zstd decoder gets 32 MiB.
func TestBootstrapReadsArchives(t *testing.T) {
	eachArchive(t, false, func(t *testing.T, c readersCase, codec format.Codec, path string) {
		opener := func() (io.ReadCloser, error) { return bootstrapOpen(path, codec) }
		for _, img := range c.all {
			for _, tag := range airgaptest.Tags(t, img) {
				found, err := bootstrapFind(opener, tag)
				if err != nil {
					t.Fatalf("%s: %v", tag, err)
				}
				want, err := img.Image.ConfigName()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := found.ConfigName(); err != nil || got != want {
					t.Errorf("%s is %s, want %s (%v)", tag, got, want, err)
				}
				diffIDs, err := found.ConfigFile()
				if err != nil {
					t.Fatal(err)
				}
				layers, err := found.Layers()
				if err != nil {
					t.Fatal(err)
				}
				for i, l := range layers {
					r, err := l.Uncompressed()
					if err != nil {
						t.Fatal(err)
					}
					got, _, err := v1.SHA256(r)
					r.Close()
					if err != nil || got != diffIDs.RootFS.DiffIDs[i] {
						t.Errorf("layer %d of %s has the content %s (%v)", i, tag, got, err)
					}
				}
			}
		}
	})
}

func bootstrapOpen(path string, codec format.Codec) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	switch codec {
	case format.Gzip:
		z, err := gzip.NewReader(f)
		return withFile{z, f}, err
	case format.Zstd:
		z, err := zstd.NewReader(f, zstd.WithDecoderMaxMemory(1<<25))
		if err != nil {
			return nil, err
		}
		return withFile{z.IOReadCloser(), f}, nil
	}
	return f, nil
}

// A withFile closes a decompressor and its file.
type withFile struct {
	io.ReadCloser
	file *os.File
}

func (w withFile) Close() error { return errors.Join(w.ReadCloser.Close(), w.file.Close()) }

func bootstrapFind(opener tarball.Opener, want name.Tag) (v1.Image, error) {
	r, err := opener()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	in := tar.NewReader(r)
	h, err := in.Next()
	if err != nil || h.Name != "manifest.json" {
		return nil, errors.Join(err, fmt.Errorf("the first file is %v", h))
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var m tarball.Manifest
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
		return nil, err
	}
	for _, d := range m {
		for _, text := range d.RepoTags {
			if tag, err := name.NewTag(text); err == nil && tag.Name() == want.Name() {
				return tarball.Image(opener, &tag)
			}
		}
	}
	return nil, fmt.Errorf("manifest.json has no %s", want)
}
