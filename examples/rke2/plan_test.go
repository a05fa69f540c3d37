package rke2

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/testfile"
)

// planOf plans the release of the tree with environment variables.
func planOf(t *testing.T, env map[string]string) *plan.Plan {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("tree")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{config.FileName, "artifacts.txt"} {
		testfile.Write(t, filepath.Join(dir, file), read(t, file))
	}
	loaded, err := config.Load(t.Context(), filepath.Join(dir, config.FileName), func(name string) (string, bool) {
		if name == "TAG" {
			return version, true
		}
		value, ok := env[name]
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.New(loaded, plan.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

func TestTheArtifactsAreExactlyThose(t *testing.T) {
	others := append(artifacts(t), "rke2-images-ovirt.linux-amd64.tar.gz", "rke2-images-ovirt.linux-amd64.tar.zst", "rke2-images-ovirt.linux-amd64.txt")
	slices.Sort(others)
	for registry, want := range map[string][]string{"": artifacts(t), "registry.rancher.com": others} {
		planned := planOf(t, map[string]string{"REGISTRY": registry})
		var got []string
		for _, f := range planned.Artifacts() {
			got = append(got, path.Base(f.Path))
		}
		for _, s := range planned.Checksums {
			got = append(got, path.Base(s.Output))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("REGISTRY=%s (-want +got):\n%s", registry, diff)
		}
	}
}

func TestBuildsForDebuggersAndCoverage(t *testing.T) {
	for _, c := range []struct{ variable, flags string }{{"", ""}, {"GODEBUG", "-gcflags=all=-N -l"}, {"GOCOVER", "-cover"}} {
		for _, b := range planOf(t, map[string]string{c.variable: "y"}).Binaries {
			flags, covered := c.flags, c.variable == "GOCOVER"
			if covered && b.Platform.OS == "windows" { // its script does not read it
				flags, covered = "", false
			}
			if got := strings.Join(b.Flags, " "); got != flags {
				t.Errorf("%s for %s has flags %q, want %q", c.variable, b.Platform, got, flags)
			}
			if got, want := slices.Contains(b.Tags, "cover"), covered; got != want {
				t.Errorf("%s for %s has the tag cover: %v, want %v", c.variable, b.Platform, got, want)
			}
			if got, want := slices.Contains(b.Ldflags, "-w"), c.variable != "GODEBUG"; got != want {
				t.Errorf("%s for %s has the linker flag -w: %v, want %v", c.variable, b.Platform, got, want)
			}
			if got, want := b.Env["GOEXPERIMENT"] == "boringcrypto", b.Platform.OS == "linux"; got != want {
				t.Errorf("%s for %s has boringcrypto: %v, want %v", c.variable, b.Platform, got, want)
			}
		}
	}
}

func TestWhereReleasesGo(t *testing.T) {
	const prime = "prime.example.com"
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"a job without credentials": {nil, []string{"GitHub release of rancher/rke2 (draft)"}},
		"a job with all": {map[string]string{"DOCKER_USERNAME": "x", "PRIME_REGISTRY": prime, "AWS_ACCESS_KEY_ID": "x",
			"PRIME_ARTIFACTS_BUCKET_NAME": "ribs", "PRIME_ARTIFACTS_DISTRIBUTION_ID": "E1"},
			[]string{"registry docker.io/rancher", "registry " + prime + "/rancher", "GitHub release of rancher/rke2 (draft)", "S3 bucket rke2-ci-builds"}},
		"the job for prime": {map[string]string{"REGISTRY": prime, "PRIME_REGISTRY": prime, "PRIME_ARTIFACTS_BUCKET_NAME": "ribs", "PRIME_ARTIFACTS_DISTRIBUTION_ID": "E1"},
			[]string{"registry " + prime + "/rancher", "S3 bucket ribs/rke2/" + version, "command aws cloudfront create-invalidation --distribution-id E1 --paths /*"}},
	} {
		var got []string
		for _, d := range planOf(t, c.env).Destinations {
			got = append(got, d.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
