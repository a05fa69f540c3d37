package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Size prints the exact size of the delta that diff writes, in all its forms, also for the dist of a release.
func TestSize(t *testing.T) {
	dir, config := project(t)
	if status, _, stderr := run(t, nil, "package", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	dist := filepath.Join(dir, "dist")
	found, err := filepath.Glob(filepath.Join(dist, "artifacts", "*linux-amd64.tar.zst"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no archive: %v", err)
	}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	delta := filepath.Join(t.TempDir(), "delta")
	if status, _, stderr := run(t, env, "airgap", "diff", found[0], found[0], "-o", delta); status != 0 {
		t.Fatal(stderr)
	}
	info, err := os.Stat(delta)
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, env, "size", found[0], found[0], "--json")
	var s sizes
	if err := json.Unmarshal([]byte(stdout), &s); status != 0 || err != nil || len(s.Updates) != 1 || s.Updates[0].Total.Delta != info.Size() {
		t.Errorf("want a delta of %d bytes: exit status %d, %v\n%s%s", info.Size(), status, err, stdout, stderr)
	}
	for _, args := range [][]string{{"size", dist, dist}, {"size", dist, dist, "--markdown"}} {
		status, stdout, stderr := run(t, env, args...)
		_, again, _ := run(t, env, args...)
		if status != 0 || !strings.Contains(stdout, fmt.Sprint(info.Size())) || !strings.Contains(stdout, "other images") || stdout != again {
			t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if status, _, stderr := run(t, env, "size", t.TempDir(), dist); status != 2 || !strings.Contains(stderr, "no archive found in") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, _, _ := run(t, env, "size", dist, dist, "--json", "--markdown"); status != 2 {
		t.Errorf("exit status %d", status)
	}
}

// sameSize fails the test unless size has the sizes of the deltas that diff writes, and returns what it prints. args name
// the olds and NEW.
func sameSize(t *testing.T, env map[string]string, args ...string) sizes {
	t.Helper()
	status, stdout, stderr := run(t, env, append([]string{"size", "--json"}, args...)...)
	var s sizes
	if err := json.Unmarshal([]byte(stdout), &s); status != 0 || err != nil || len(s.Updates) != 1 {
		t.Fatalf("size %q: exit status %d, %v\n%s%s", args, status, err, stdout, stderr)
	}
	total := s.Updates[0].Total
	for flag, got := range map[string]int64{"--portable=false": total.Delta, "--portable": total.Portable} {
		file := filepath.Join(t.TempDir(), "delta")
		status, _, stderr := run(t, env, append([]string{"airgap", "diff", flag, "-o", file}, args...)...)
		if strings.Contains(stderr, "a portable delta for layers would contain all of it") && total.Portable == total.Archive {
			continue
		}
		if status != 0 {
			t.Fatalf("diff %q: exit status %d\n%s", args, status, stderr)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != got {
			t.Errorf("%q %s: size says %d bytes, and the delta has %d, %v", args, flag, got, info.Size(), err)
		}
	}
	return s
}

// OLD of size is what it is for diff: several archives, parts of one, a layout, and images of a registry.
func TestSizeForLayers(t *testing.T) {
	in, image := versions(t)
	env := map[string]string{"SLIPWAY_CACHE": in("cache")}
	layout := imagetest.WriteLayout(t, map[string]v1.Image{"core": imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/core": string(imagetest.Noise(0, 400_000))}))})
	testfile.Write(t, in("list.txt"), image("core:v1")+"\n"+image("extra:v1")+"\n")
	if status, _, stderr := run(t, env, "airgap", "pack", "--platform", "linux/amd64", "--split", "300KB", "-o", in("parts.tar.zst"), image("core:v1"), image("extra:v1")); status != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct {
		name     string
		args     []string
		old      string // part of the name
		changed  string // statuses of images
		complete bool   // the old images are all there
	}{
		{"archives", []string{"--from", in("core.tar.zst"), "--from", in("extra.tar.zst")}, "core.tar.zst, " + in("extra.tar.zst"), "changed changed", true},
		{"layers of archives", []string{"--layers", "--from", in("core.tar.zst"), "--from", in("extra.tar.zst")}, "extra.tar.zst", "changed changed", true},
		{"layers of one archive", []string{"--layers", in("core.tar.zst")}, "core.tar.zst", "added changed", false},
		{"parts", []string{in("parts.tar.zst.part001")}, "parts.tar.zst", "changed changed", true},
		{"a registry", []string{"--from", "docker-image://" + image("core:v1"), "--from", "docker://" + image("extra:v1")}, "docker-image://" + image("core:v1"), "changed changed", true},
		{"a list", []string{"-f", in("list.txt")}, "docker-image://" + image("core:v1"), "changed changed", true},
		{"a layout", []string{"oci:" + layout}, "oci:" + layout, "added added", false},
		{"a layout and a registry", []string{"--from", "oci:" + layout, "--from", "docker-image://" + image("extra:v1")}, "oci:", "added changed", true},
		{"the same images", []string{"--from", "docker-image://" + image("core:v2"), "--from", "docker-image://" + image("extra:v2")}, image("extra:v2"), "unchanged unchanged", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := sameSize(t, env, append(c.args, in("next.tar.zst"))...).Updates[0]
			var statuses []string
			for _, img := range u.Images {
				statuses = append(statuses, img.Status)
			}
			slices.Sort(statuses)
			if strings.Join(statuses, " ") != c.changed || !strings.Contains(u.Old, c.old) || (u.Total.Delta < 15_000) != c.complete {
				t.Errorf("got %q, a delta of %d bytes, from %s", statuses, u.Total.Delta, u.Old)
			}
		})
	}
	for want, args := range map[string][]string{
		"only a delta says which images": {"registry:", in("next.tar.zst")},
		"none:v1":                        {"docker-image://" + image("none:v1"), in("next.tar.zst")},
		"no archive found in":            {"-f", in("list.txt"), t.TempDir()},
	} {
		if status, _, stderr := run(t, env, append([]string{"size"}, args...)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", args, status, want, stderr)
		}
	}
	// A plain archive has a portable delta for layers, too.
	if status, _, stderr := run(t, env, "airgap", "pack", "--platform", "linux/amd64", "-o", in("next.tar"), image("core:v2"), image("extra:v2")); status != 0 {
		t.Fatal(stderr)
	}
	if total := sameSize(t, env, "-f", in("list.txt"), in("next.tar")).Updates[0].Total; total.Portable >= total.Archive {
		t.Errorf("the portable delta of a plain archive has %d bytes", total.Portable)
	}
	folder := in("dist")
	for _, name := range []string{"core.tar.zst", "next.tar.zst"} {
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.Rename(in(name), filepath.Join(folder, name))); err != nil {
			t.Fatal(err)
		}
	}
	status, stdout, stderr := run(t, env, "size", "-f", in("list.txt"), folder)
	if status != 0 || !strings.Contains(stdout, "core.tar.zst\n") || !strings.Contains(stdout, "next.tar.zst\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}
