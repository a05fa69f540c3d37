package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/testfile"
)

// into opens a run with another folder than dist.
func into(dist string, more ...func(*Options)) func(*Options) {
	return func(o *Options) {
		o.Dist = dist
		for _, m := range more {
			m(o)
		}
	}
}

func system(name string) func(*Options) { return func(o *Options) { o.OS = name } }

// job packages in its own folder, and closes the run: Windows cannot remove open files.
func (r *testRelease) job(change func(*Options)) {
	r.t.Helper()
	b := r.open(change)
	r.do(b, "package")
	if err := b.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// tags returns the names in an OCI layout, with their digests.
func tags(t *testing.T, dir string) map[string]string {
	t.Helper()
	layout, err := store.OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer layout.Close()
	names, err := layout.Names()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range names.Entries() {
		out[d.Annotations[images.ContainerdNameAnnotation]] = d.Digest.String()
	}
	return out
}

// read returns the content and modes of all files below dir, except for dist/oci.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel == "oci" {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		out[filepath.ToSlash(rel)] = info.Mode().String() + " " + string(raw)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMergedJobsEqualTheReleaseOfOneMachine(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	whole := filepath.Join(r.dir, "dist")
	linux, windows, merged := filepath.Join(t.TempDir(), "linux"), filepath.Join(t.TempDir(), "windows"), filepath.Join(t.TempDir(), "merged")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	// Services that keep the output of jobs lose modes and hidden files.
	if err := filepath.WalkDir(linux, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".slipway" {
			return errors.Join(os.RemoveAll(path), filepath.SkipDir)
		}
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o644)
	}); err != nil && !errors.Is(err, filepath.SkipDir) {
		t.Fatal(err)
	}
	clean := into(merged, func(o *Options) { o.Cache = t.TempDir() })
	b := r.open(clean)
	if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
		t.Fatal(err)
	}
	want, got := read(t, whole), read(t, merged)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Fatalf("the files (-want +got):\n%s", diff)
	}
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("%s differs: %.80q, want %.80q", name, got[name], want[name])
		}
	}
	if diff := cmp.Diff(tags(t, filepath.Join(whole, "oci")), tags(t, filepath.Join(merged, "oci"))); diff != "" {
		t.Errorf("dist/oci (-want +got):\n%s", diff)
	}
	b.Close()
	if err := r.open(clean).Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.do(r.open(clean), "publish")
	checkSums(t, filepath.Join(r.dir, "released"))

	// The second job may also be merged into the first, on the first machine, and repeatedly.
	for range 2 {
		b := r.open(into(linux))
		if err := b.Merge(t.Context(), []string{windows}); err != nil {
			t.Fatal(err)
		}
		b.Close()
		if err := r.open(into(linux)).Verify(t.Context()); err != nil {
			t.Errorf("verify: %v", err)
		}
	}
}

func TestMergeRefusesConflictingJobs(t *testing.T) {
	r := makeRelease(t)
	linux, windows := filepath.Join(t.TempDir(), "linux"), filepath.Join(t.TempDir(), "windows")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	other := filepath.Join(t.TempDir(), "other")
	copyOf := func(from string, change func(name string, raw []byte) []byte) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "job")
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		for name := range read(t, dir) {
			file := filepath.Join(dir, filepath.FromSlash(name))
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if changed := change(name, raw); changed == nil {
				os.Remove(file)
			} else if !bytes.Equal(changed, raw) {
				os.Chmod(file, 0o644)
				testfile.Write(t, file, string(changed))
			}
		}
		return dir
	}
	edit := func(name, old, new string) func(string, []byte) []byte {
		return func(n string, raw []byte) []byte {
			if n != name {
				return raw
			}
			if !bytes.Contains(raw, []byte(old)) {
				t.Fatalf("%s does not contain %q", name, old)
			}
			return bytes.Replace(raw, []byte(old), []byte(new), 1)
		}
	}
	damaged := copyOf(linux, edit("artifacts/acme-images-core.linux-amd64.txt", "acme", "emca"))
	missing := copyOf(linux, func(name string, raw []byte) []byte {
		if strings.HasPrefix(name, "bin/linux-a") {
			return nil
		}
		return raw
	})
	stranger := copyOf(windows, func(_ string, raw []byte) []byte { return raw })
	testfile.Write(t, filepath.Join(stranger, "artifacts", "notes.txt"), "?")
	r.configure("-s -w", "-s")
	r.env["TAG"] = "v1.2.4+acme1"
	r.job(into(other, system("windows")))
	r.configure("ldflags: [-s]", "ldflags: [-s -w]")
	r.env["TAG"] = "v1.2.3+acme1"
	committed := copyOf(windows, edit("artifacts.json", `"tag": `, `"commit": "0123456789abcdef0123456789abcdef01234567", "tag": `))
	elsewhere := copyOf(linux, func(name string, raw []byte) []byte {
		// The report has other bytes for the same binary.
		if name != "artifacts.json" {
			return raw
		}
		i := bytes.Index(raw, []byte(`"digest": "sha256:`)) + len(`"digest": "sha256:`)
		return slices.Concat(raw[:i], []byte(strings.Repeat("0", 64)), raw[i+64:])
	})
	for _, c := range []struct {
		name string
		dirs []string
		want []string
	}{
		{"two versions", []string{linux, other}, []string{"not the same release", "the version is v1.2.3+acme1 in " + linux + " and v1.2.4+acme1 in " + other}},
		{"two commits", []string{windows, committed}, []string{"the commit is none in " + windows + " and 0123456789abcdef0123456789abcdef01234567 in " + committed}},
		{"another checkout", []string{other}, []string{other + " is not of this checkout", "the version was v1.2.4+acme1 and is v1.2.3+acme1"}},
		{"other bytes", []string{linux, elsewhere}, []string{"dist/bin/linux-amd64/acme differs", linux, "sha256:000000", elsewhere}},
		{"a damaged file", []string{damaged, windows}, []string{"acme-images-core.linux-amd64.txt of " + damaged, "want sha256:"}},
		{"missing files, together", []string{missing, windows}, []string{"dist/bin/linux-amd64/acme of " + missing, "dist/bin/linux-arm64/acme of " + missing}},
		{"a file that no report has", []string{stranger}, []string{filepath.Join("artifacts", "notes.txt") + ": remove it"}},
		{"not a job", []string{r.dir, filepath.Join(r.dir, "nothing")}, []string{r.dir + " is not the folder dist of a job", "nothing is not the folder dist of a job"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			merged := filepath.Join(t.TempDir(), "merged")
			b := r.open(into(merged))
			err := b.Merge(t.Context(), c.dirs)
			b.Close()
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			if _, err := os.Stat(filepath.Join(merged, "artifacts.json")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a failed merge has left artifacts.json: %v", err)
			}
			// The images that were copied before the failure have no names yet: a merge writes index.json once, at its end.
			layout := filepath.Join(merged, "oci")
			if _, err := os.Stat(filepath.Join(layout, "oci-layout")); err == nil {
				if names := tags(t, layout); len(names) > 0 {
					t.Errorf("a failed merge has named images: %v", names)
				}
			}
			if !strings.HasPrefix(c.name, "a damaged") {
				return
			}
			// A second run completes, since this one has copied other files.
			b = r.open(into(merged))
			if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
				t.Fatal(err)
			}
			b.Close()
			if err := r.open(into(merged)).Verify(t.Context()); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

// A layer of several images is read once, and so is each artifact.
func TestMergeReadsEachBlobOnce(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip("this system does not count what a process reads: ", err)
	}
	// read returns the number of bytes that this process has read; see proc_pid_io(5).
	read := func() (n int64) {
		t.Helper()
		raw, err := os.ReadFile("/proc/self/io")
		if err == nil {
			_, err = fmt.Sscanf(string(raw), "rchar: %d", &n)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	r := makeRelease(t)
	content := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	testfile.Write(t, filepath.Join(r.dir, "charts", "large"), string(content))
	job, merged := filepath.Join(t.TempDir(), "job"), filepath.Join(t.TempDir(), "merged")
	r.job(into(job))
	var size int64
	if err := filepath.WalkDir(job, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b := r.open(into(merged))
	before := read()
	if err := b.Merge(t.Context(), []string{job}); err != nil {
		t.Fatal(err)
	}
	// Indexes and reports are small, but read more often. The large layer is in four images.
	if got := read() - before; got > size+(4<<20) {
		t.Errorf("%d bytes were read to merge %d", got, size)
	}
}

// Each job may be another invocation; the proof of an index that a merge makes is its own.
func TestMergedJobsKeepTheirProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.run("package")
	whole := r.proofs(filepath.Join(r.dir, "dist"))
	linux, windows, both, merged := filepath.Join(t.TempDir(), "linux"), filepath.Join(t.TempDir(), "windows"), filepath.Join(t.TempDir(), "both"), filepath.Join(t.TempDir(), "merged")
	r.env["GITLAB_CI"] = "true"
	for dist, system := range map[string]func(*Options){linux: system("linux"), windows: system("windows"), both: system("")} {
		r.env["CI_JOB_URL"], r.env["CI_JOB_STARTED_AT"] = "https://gitlab.example.com/-/jobs/"+filepath.Base(dist), "2026-01-01T00:00:00Z"
		r.job(into(dist, system))
	}
	b := r.open(into(merged))
	if err := b.Merge(t.Context(), []string{linux, windows, both}); err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	got := r.proofs(merged)
	if len(got) != len(whole) {
		t.Errorf("merged has %d statements, want %d", len(got), len(whole))
	}
	for name, raw := range got {
		want := "both"
		if strings.Contains(name, ".linux-") || strings.HasSuffix(name, "-linux-amd64.provenance.json") {
			want = "linux"
		} else if strings.Contains(name, "windows") && name != "proof/acme-runtime_v1.2.3-acme1-windows-amd64.provenance.json" {
			want = "windows"
		}
		_, p := readProvenance(t, raw)
		if have := p.RunDetails.Metadata.InvocationId; have != "https://gitlab.example.com/-/jobs/"+want && !strings.HasSuffix(name, "acme1.provenance.json") && !strings.HasSuffix(name, "acme1-windows-amd64.provenance.json") {
			t.Errorf("%s is of %s, want %s", name, have, want)
		}
		if !proof.SameBuild(raw, whole[name]) {
			t.Errorf("%s differs in more than its invocation:\n%s\n%s", name, raw, whole[name])
		}
	}

	// Provenance of other origins is not of the same build.
	const name = "artifacts/acme.linux-amd64.tar.gz.provenance.json"
	raw := strings.Replace(string(r.proofs(both)[name]), `"resolvedDependencies":[`, `"resolvedDependencies":[{"name":"else","digest":{"sha256":"`+strings.Repeat("0a", 32)+`"}},`, 1)
	testfile.Write(t, filepath.Join(both, filepath.FromSlash(name)), raw)
	report, err := os.ReadFile(filepath.Join(both, "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var changed Report
	if err := json.Unmarshal(report, &changed); err != nil {
		t.Fatal(err)
	}
	for i := range changed.Made {
		if m := &changed.Made[i]; m.Path == "dist/"+name {
			m.Digest = "sha256:" + hexOf(raw)
		}
	}
	if report, err = json.Marshal(changed); err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(both, "artifacts.json"), string(report))
	err = r.open(into(filepath.Join(t.TempDir(), "other"))).Merge(t.Context(), []string{linux, windows, both})
	if err == nil || !strings.Contains(err.Error(), name+" differs: ") || !strings.Contains(err.Error(), "they differ in more than runDetails.metadata") {
		t.Errorf("provenance of other origins: %v", err)
	}
}
