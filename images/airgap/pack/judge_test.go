package pack_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// lying returns an image whose only layer has these bytes and that media type.
func lying(t testing.TB, format images.Format, blob []byte, said types.MediaType) v1.Image {
	t.Helper()
	layer := static.NewLayer(blob, said)
	honest := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/a": "a"}))
	config, err := honest.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	img, err := images.Compose(format, config, []images.DescribedLayer{{Layer: layer, Descriptor: v1.Descriptor{MediaType: said, Digest: digest, Size: size}}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// forms returns the blobs of one layer in all forms.
func forms(t testing.TB) map[string][]byte {
	t.Helper()
	l := imagetest.Layer(t, imagetest.Files{"bin/a": "a"})
	all := map[string][]byte{}
	for form, open := range map[string]func() (io.ReadCloser, error){"gzip": l.Compressed, "plain": l.Uncompressed} {
		r, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if all[form], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	all["zstd"] = encoder.EncodeAll(all["plain"], nil)
	all["zstd behind a skipped frame"] = append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), all["zstd"]...)
	all["padded gzip"] = append(bytes.Clone(all["gzip"]), make([]byte, 700)...)
	return all
}

// Whatever the manifest of a layer states, Verify accepts everything that airgap.Pack writes. A
// layer that readers would misunderstand is an error.
func TestPackAndVerifyJudgeLayersAlike(t *testing.T) {
	const docker = "application/vnd.docker.image.rootfs.diff.tar"
	for form, blob := range forms(t) {
		for _, said := range []types.MediaType{types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer,
			types.OCIRestrictedLayer, "", docker, docker + ".gzip", docker + ".zstd"} {
			format := images.Format{}
			if strings.HasPrefix(string(said), docker) {
				format.MediaTypes = "docker"
			}
			for _, layers := range []string{"uncompressed", "original"} {
				t.Run(form+" as "+strings.ReplaceAll(string(said), "/", " ")+" "+layers, func(t *testing.T) {
					t.Parallel()
					all := []pack.Image{{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")}, Image: lying(t, format, blob, said)}}
					dir := t.TempDir()
					outputs := []pack.Output{{Path: filepath.Join(dir, "a.tar")}, {Path: filepath.Join(dir, "a.tar.gz")}, {Path: filepath.Join(dir, "a.tar.zst")}}
					_, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, outputs, pack.Options{Layers: images.ArchiveLayers(layers), Level: "fastest"})
					readable := layers == "uncompressed" || form == "plain" ||
						strings.HasSuffix(form, "gzip") && images.LayerCompression(said) != "none"
					if layers == "original" && said == "" {
						readable = false
					}
					if (err == nil) != readable {
						t.Fatalf("Pack: %v; want success: %t", err, readable)
					}
					if err != nil {
						return
					}
					for _, out := range outputs {
						report := mustVerify(t, out.Path, verify.Options{})
						if len(report.Problems) > 0 || layers == "uncompressed" && len(report.Notes) > 0 {
							t.Errorf("%s: %v, %v", out.Path, report.Problems, report.Notes)
						}
						if layers == "original" {
							if dockers := strings.Contains(strings.Join(report.Notes, "\n"), "not by oci-archive:"); dockers != (format.MediaTypes == "docker") {
								t.Errorf("%s: notes %v", out.Path, report.Notes)
							}
							continue
						}
						a, err := airgap.Open(t.Context(), out.Path)
						if err != nil {
							t.Fatal(err)
						}
						defer a.Close()
						list, err := a.Images(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						img, err := list[0].Image(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						m, err := img.Manifest()
						if err != nil {
							t.Fatal(err)
						}
						if m.MediaType != types.OCIManifestSchema1 || m.Config.MediaType != types.OCIConfigJSON || m.Layers[0].MediaType != types.OCIUncompressedLayer {
							t.Errorf("media types %s, %s, %s", m.MediaType, m.Config.MediaType, m.Layers[0].MediaType)
						}
					}
				})
			}
		}
	}
}

// An archive of docker save that is packed again has the documented form.
func TestPackingADockerArchiveMakesAnOCILayout(t *testing.T) {
	path := airgaptest.WriteFile(t, "saved.tar", airgaptest.TarOf(t, airgaptest.Saved(t, "layer.tar")...))
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	list, err := a.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	img, err := list[0].Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "images.tar")
	airgaptest.PackOne(t, airgaptest.NewStore(t), out, pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")}, Image: img})
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("application/vnd.docker.")) {
		t.Error("the archive has media types of Docker's")
	}
	if report := mustVerify(t, out, verify.Options{}); len(report.Problems)+len(report.Notes) > 0 {
		t.Errorf("%v, %v", report.Problems, report.Notes)
	}
}

// An index has linux/arm64 for an image whose config has linux/amd64. Nodes use the index, and so
// do all commands.
func TestAnIndexContradictsAConfig(t *testing.T) {
	arm, amd := imagetest.Platform(t, "linux/arm64"), imagetest.Platform(t, "linux/amd64")
	image := airgaptest.Simple(t, "acme/a:v1", "linux/amd64")
	image.Platform = arm
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	var warned airgaptest.Warnings
	ctx := progress.With(t.Context(), &warned)
	if _, err := pack.Write(ctx, airgaptest.NewStore(t), []pack.Image{image}, []pack.Output{{Path: path}}, pack.Options{}); err != nil {
		t.Fatal(err)
	}
	if len(warned.Said) != 1 || !strings.Contains(warned.Said[0], "for linux/arm64 by its index and for linux/amd64 by its config") {
		t.Errorf("warnings %q", warned.Said)
	}
	report := mustVerify(t, path, verify.Options{Platform: &arm})
	if len(report.Problems) > 0 || !strings.Contains(strings.Join(report.Notes, "\n"), "for linux/amd64 by its config") {
		t.Errorf("%v, %v", report.Problems, report.Notes)
	}
	if report := mustVerify(t, path, verify.Options{Platform: &amd}); len(report.Problems) == 0 {
		t.Error("verify assumed linux/amd64")
	}
	found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "acme/a:v1"), &arm, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if got := images.FormatPlatform(found.Image.Platform); got != "linux/arm64" {
		t.Errorf("found for %s", got)
	}
	image.Platform = imagetest.Platform(t, "darwin/amd64")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{image}, []pack.Output{{Path: path}}, pack.Options{}); err == nil || !strings.Contains(err.Error(), "darwin/amd64") {
		t.Errorf("another operating system: %v", err)
	}
}
