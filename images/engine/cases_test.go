package engine_test

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// TestAssemblerCases builds the cases of the embedded assembler, and expects the same results,
// except for the differences that a case lists.
func TestAssemblerCases(t *testing.T) {
	if testing.Short() {
		t.Skip("builds hundreds of images")
	}
	testCases(t, "../assemble/testdata")
}

// TestRunCases builds Dockerfiles that only an engine can build.
func TestRunCases(t *testing.T) {
	testCases(t, "testdata/run")
}

func testCases(t *testing.T, dir string) {
	withEngines(t, func(t *testing.T, start starter) {
		imagetest.DockerfileCases(t, dir, func(t *testing.T, c *imagetest.DockerfileCase) {
			t.Parallel()
			if c.Differs != "" {
				t.Skip(c.Differs)
			}
			if c.Name == "env-case" && runtime.GOOS == "windows" {
				t.Skip("names of variables have no case on Windows; see TestNamesDifferingOnlyInCase")
			}
			if c.DockerDiffers != "" && strings.Contains(t.Name(), "/docker/") {
				t.Skip(c.DockerDiffers)
			}
			if strings.HasPrefix(dir, "testdata") {
				addTool(t, c.Build.Dir)
			}
			out := &printed{}
			img, err := start(t, engine.Options{Sources: sources(c.Images)}).Assemble(progress.With(t.Context(), out), c.Build)
			skipRefused(t, err)
			if len(c.WantError) > 0 {
				wantError(t, err, c.WantError...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(img); err != nil {
				t.Error(err)
			}
			for _, part := range c.WantWarnings {
				if !out.warns(part) {
					t.Errorf("missing warning %q in\n%s", part, out)
				}
			}
			files, layers := filesOf(t, img)
			if c.WantFiles != "" {
				if diff := cmp.Diff(lines(imagetest.HostModes(c.WantFiles)), lines(imagetest.HostModes(files))); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
			}
			if c.WantLayers != "" {
				if diff := cmp.Diff(lines(imagetest.HostModes(c.WantLayers)), lines(imagetest.HostModes(layers))); diff != "" {
					t.Errorf("layers (-want +got):\n%s", diff)
				}
			}
			imagetest.CompareConfig(t, img, c.WantConfig)
		})
	})
}

// TestSameResult builds each case with the embedded assembler too, and expects the same digest: the
// same config, and the same bytes in every layer. Where a case lists a difference in layers, files
// and config are still the same.
func TestSameResult(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		imagetest.DockerfileCases(t, "testdata/same", func(t *testing.T, c *imagetest.DockerfileCase) {
			t.Parallel()
			want, err := assemble.New(assemble.Options{Layers: openStore(t), Sources: sources(c.Images)}).Assemble(t.Context(), c.Build)
			if err != nil {
				t.Fatalf("the embedded assembler: %v", err)
			}
			got, err := start(t, engine.Options{Sources: sources(c.Images)}).Assemble(t.Context(), c.Build)
			skipRefused(t, err)
			if err != nil {
				t.Fatal(err)
			}
			wantFiles, wantLayers := filesOf(t, want)
			gotFiles, gotLayers := filesOf(t, got)
			if diff := cmp.Diff(untimed(wantFiles), untimed(gotFiles)); diff != "" {
				t.Errorf("files (-embedded +engine):\n%s", diff)
			}
			if diff := cmp.Diff(configOf(t, want), configOf(t, got)); diff != "" {
				t.Errorf("config (-embedded +engine):\n%s", diff)
			}
			if c.Differs != "" {
				return
			}
			if diff := cmp.Diff(lines(wantLayers), lines(gotLayers)); diff != "" {
				t.Errorf("layers (-embedded +engine):\n%s", diff)
			}
			if a, b := digestOf(t, want), digestOf(t, got); a != b {
				t.Errorf("the embedded assembler made %s, the engine %s", a, b)
			}
		})
	})
}

// skipRefused ends a test whose Dockerfile needs more than Docker Engine 20.10 supports. The engine
// must say so, as in docs/dockerfile-support.md; TestOldEngine and TestWindowsBase check the
// conditions. A current BuildKit refuses nothing.
func skipRefused(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(t.Name(), "/docker/") {
		return
	}
	for _, refusal := range []string{"this engine is too old: ", "cannot store the layers of a Windows base"} {
		if strings.Contains(err.Error(), refusal) {
			t.Skip(err)
		}
	}
}

// untimed returns the lines of a listing, without the times of folders.
func untimed(listing string) []string {
	all := lines(listing)
	for i, line := range all {
		if strings.HasPrefix(line, "d") {
			all[i], _, _ = strings.Cut(line, " @")
		}
	}
	return all
}

// configOf returns the config of img without its layers.
func configOf(t testing.TB, img v1.Image) map[string]any {
	t.Helper()
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	delete(config, "rootfs")
	return config
}

func digestOf(t testing.TB, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was built; want an error that says %q", parts)
	}
	if i := slices.IndexFunc(parts, func(part string) bool { return !strings.Contains(err.Error(), part) }); i >= 0 {
		t.Errorf("missing %q in the error:\n%v", parts[i], err)
	}
}
