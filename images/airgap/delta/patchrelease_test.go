package delta

import (
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// goPrograms are small programs, each at two patch releases of one minor version.
var goPrograms = []struct{ module, main, old, new string }{
	{"filippo.io/age", "filippo.io/age/cmd/age", "v1.2.0", "v1.2.1"},
	{"google.golang.org/protobuf", "google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.11", "v1.36.12"},
}

// The delta of an archive of programs is at most 1.1 times as large as bsdiff's patches of their layers, and at most a
// sixth of the compressed layers, although it also has the archive's manifests and indexes. scripts/bench-delta.sh
// measures more programs.
func TestDeltaOfAPatchRelease(t *testing.T) {
	bsdiff := imagetest.Program(t, "bsdiff")
	imagetest.Program(t, "go")
	dir := t.TempDir()
	var (
		old, new []pack.Image
		patches  int64
	)
	for _, p := range goPrograms {
		before, after := imageOf(t, p.module, p.main, p.old), imageOf(t, p.module, p.main, p.new)
		old, new = append(old, before), append(new, after)
		patch := filepath.Join(dir, "patch")
		command(t, dir, bsdiff, layerFile(t, before.Image), layerFile(t, after.Image), patch)
		patches += fileSize(t, patch)
	}
	content := airgaptest.NewStore(t)
	opts := pack.Options{Layers: images.UncompressedLayers, Level: images.BestZstd}
	oldFiles, newFiles := airgaptest.Pack(t, content, old, opts), airgaptest.Pack(t, content, new, opts)
	portable := filepath.Join(dir, "portable")
	if _, err := Write(t.Context(), Olds{Files: []string{oldFiles[format.Zstd]}}, newFiles[format.Zstd], portable, Options{Portable: true}); err != nil {
		t.Fatal(err)
	}
	layers := fileSize(t, portable)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			_, made := roundTrip(t, oldFiles[codec], newFiles[codec])
			if made.Size*10 > patches*11 || made.Size*6 > layers {
				t.Errorf("the delta has %d bytes; bsdiff's patches have %d, the compressed layers %d", made.Size, patches, layers)
			}
			t.Logf("delta: %d bytes; bsdiff: %d; compressed layers: %d", made.Size, patches, layers)
		})
	}
}

// imageOf returns an image of a program, which it builds in a module of its own.
func imageOf(t testing.TB, module, main, version string) pack.Image {
	t.Helper()
	dir := t.TempDir()
	command(t, dir, "go", "mod", "init", "example.com/patchrelease")
	if out, err := newCommand(t, dir, "go", "get", main+"@"+version).CombinedOutput(); err != nil {
		testfile.Missing(t, "%s %s cannot be downloaded: %v\n%s", module, version, err, out)
	}
	command(t, dir, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", "program", main)
	program := path.Base(main)
	return pack.Image{
		Names: []name.Reference{airgaptest.Ref(t, "example.com/"+program+":"+version)},
		Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + program: string(read(t, filepath.Join(dir, "program")))})),
	}
}

// layerFile writes the only layer of an image, uncompressed, to a file.
func layerFile(t testing.TB, img v1.Image) string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, b)
}

// newCommand returns a command in dir. The go command builds the same programs on every host.
func newCommand(t testing.TB, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off")
	return cmd
}

func command(t testing.TB, dir string, args ...string) {
	t.Helper()
	if out, err := newCommand(t, dir, args...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
