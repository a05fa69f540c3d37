package serve

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

// servedForms calls each for archives with both kinds of layers, each served on its own, and for
// the images in them.
func servedForms(t *testing.T, each func(t *testing.T, host string, all []pack.Image)) {
	for _, layers := range []string{"uncompressed", "original"} {
		for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.GzipImages(t), pack.Options{Layers: images.ArchiveLayers(layers)}) {
			t.Run(layers+" "+string(codec), func(t *testing.T) { each(t, serve(t, path), airgaptest.GzipImages(t)) })
		}
	}
}

func TestDockerPulls(t *testing.T) {
	address, docker := imagetest.Docker(t), imagetest.Program(t, "docker")
	servedForms(t, func(t *testing.T, host string, all []pack.Image) {
		run := func(args ...string) string {
			t.Helper()
			return must(t, exec.CommandContext(t.Context(), docker, append([]string{"--host", address}, args...)...))
		}
		for _, img := range all {
			id, err := img.Image.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			reference := host + "/" + images.Familiar(airgaptest.Tags(t, img)[0])
			run("pull", "--quiet", reference)
			if got := strings.TrimSpace(run("image", "inspect", "--format", "{{.Id}}", reference)); got != id.String() {
				t.Errorf("%s is %s, want %s", reference, got, id)
			}
			run("image", "rm", "--force", reference)
		}
	})
}

// crane pull saves what it reads, and its reader compares every digest.
func TestCranePulls(t *testing.T) {
	servedForms(t, func(t *testing.T, host string, all []pack.Image) {
		for _, img := range all {
			reference := host + "/" + images.Familiar(airgaptest.Tags(t, img)[0])
			pulled, err := crane.Pull(reference)
			if err != nil {
				t.Fatal(err)
			}
			if err := airgaptest.ReadWhole(pulled); err != nil {
				t.Errorf("%s: %v", reference, err)
			}
			want, err := img.Image.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := pulled.ConfigName(); err != nil || got != want {
				t.Errorf("%s is %s, want %s (%v)", reference, got, want, err)
			}
			if err := crane.SaveOCI(pulled, filepath.Join(t.TempDir(), "saved")); err != nil {
				t.Errorf("saving %s: %v", reference, err)
			}
		}
	})
}

func TestManyPullAtOnce(t *testing.T) {
	servedForms(t, func(t *testing.T, host string, all []pack.Image) {
		var wait sync.WaitGroup
		for n := range 32 {
			img := all[n%len(all)]
			reference := host + "/" + images.Familiar(airgaptest.Tags(t, img)[0])
			wait.Go(func() {
				pulled, err := crane.Pull(reference, crane.WithPlatform(&v1.Platform{OS: "linux", Architecture: "amd64"}))
				if err == nil {
					err = airgaptest.ReadWhole(pulled)
				}
				if err != nil {
					t.Errorf("pull %d of %s: %v", n, reference, err)
				}
			})
		}
		wait.Wait()
	})
}

func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}
