package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/imagetest"
)

// packed packages a project, and returns the folder of the archives.
func packed(t *testing.T) string {
	t.Helper()
	dir, config := project(t)
	if status, _, stderr := run(t, nil, "package", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	return filepath.Join(dir, "dist", "artifacts")
}

// pull reads all of an image or index of a registry, verifies it by its digests, and returns its
// images.
func pull(t *testing.T, ref string, platforms int) []v1.Image {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	var found []v1.Image
	if platforms == 1 {
		image, err := remote.Image(parsed)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, image)
	} else {
		index, err := remote.Index(parsed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Manifests) != platforms {
			t.Errorf("%s has %d platforms, want %d", ref, len(m.Manifests), platforms)
		}
		for _, d := range m.Manifests {
			image, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, image)
		}
	}
	for _, image := range found {
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			r, err := l.Compressed()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Errorf("%s: %v", ref, err)
			}
			r.Close()
		}
	}
	return found
}

func TestPushBringsAllArchivesIntoOneRegistry(t *testing.T) {
	archives, registry := packed(t), imagetest.DistributionRegistry(t)
	for range 2 { // the second time, everything exists
		status, stdout, stderr := run(t, nil, "airgap", "push", archives, registry+"/mirror")
		if status != 0 || !strings.Contains(stdout, registry+"/mirror/team/acme-runtime:v1.0.0-dev@sha256:") {
			t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
		}
	}
	// Linux and two Windows versions have this name; only Linux has the other one.
	pull(t, registry+"/mirror/team/acme-runtime:v1.0.0-dev", 3)
	image := pull(t, registry+"/mirror/team/acme-runtime:v1.0.0-dev-linux-amd64", 1)[0]
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.Layers[0].MediaType); !strings.HasSuffix(got, "gzip") {
		t.Errorf("the media type of a pushed layer is %s, want a gzip layer", got)
	}
}

func TestPushRefusesAnInvalidRegistry(t *testing.T) {
	archives := packed(t)
	for _, target := range []string{"https://registry.example.com", "registry example", "registry.example.com/UPPER"} {
		if status, _, stderr := run(t, nil, "airgap", "push", archives, target); status != 2 || !strings.Contains(stderr, target) {
			t.Errorf("%s: exit status %d, %s", target, status, stderr)
		}
	}
}

func TestServeIsARegistryUntilItIsInterrupted(t *testing.T) {
	archives, cache := packed(t), t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	var errs bytes.Buffer
	p := Program{Stdin: strings.NewReader(""), Stdout: in, Stderr: &errs,
		Getenv: func(name string) (string, bool) { return map[string]string{"SLIPWAY_CACHE": cache}[name], true }}
	done := make(chan int, 1)
	go func() {
		status := p.Run(ctx, []string{"airgap", "serve", "--addr", "127.0.0.1:0", archives})
		in.Close()
		done <- status
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v, exit status %d: %s", err, <-done, errs.String())
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	pull(t, address+"/registry.example.com/team/acme-runtime:v1.0.0-dev", 3)
	pull(t, address+"/team/acme-runtime:v1.0.0-dev-linux-amd64", 1)
	interrupt()
	if status := <-done; status != 0 {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
}
