package release

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A testRelease is a project in its own folder: a Go program for two systems, an image for three
// platforms, and lists with an image of another registry.
type testRelease struct {
	t               *testing.T
	dir, cache      string
	env             map[string]string
	options         Options
	registry, other string
}

func makeRelease(t *testing.T) *testRelease {
	t.Helper()
	r := &testRelease{t: t, dir: t.TempDir(), cache: t.TempDir(), registry: imagetest.Registry(t), other: imagetest.Registry(t)}
	r.env = map[string]string{"TAG": "v1.2.3+acme1", "SOURCE_DATE_EPOCH": "1700000000", "REGISTRY": r.registry}
	r.options.Cache, r.options.CacheSize, r.options.Jobs = r.cache, workbench.DefaultCacheSize, runtime.GOMAXPROCS(0)
	for file, content := range map[string]string{
		"go.mod":            "module example.com/acme\n\ngo 1.26\n",
		"cmd/acme/main.go":  "package main\n\nfunc main() { println(\"acme\") }\n",
		"charts/chart.yaml": "name: acme\n",
		"images.txt":        "# others\n" + r.other + "/tools/pause:3.10\n",
		"LICENSE":           "yours\n",
		"Dockerfile":        "FROM scratch\nCOPY --from=bin --chmod=0755 acme* /bin/\nCOPY charts /charts/\nENTRYPOINT [\"/bin/acme\"]\n",
		"slipway.yaml": `project: acme
repository: team
platforms: [linux/amd64, linux/arm64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4294}
binaries:
  - {name: acme, package: ./cmd/acme, ldflags: [-s -w], assert: [static]}
images:
  - name: acme-runtime
    contexts: {bin: "dist/bin/${PLATFORM}"}
    variants:
      - {platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile: Dockerfile}
airgap:
  level: fastest
  lists:
    core: {images: [acme-runtime]}
    images: {include: [core], file: images.txt}
    windows: {images: [acme-runtime], platforms: [windows/amd64]}
bundles:
  - files:
      - {source: "dist/bin/${PLATFORM}/acme${EXE}", path: "bin/acme${EXE}"}
      - {source: LICENSE}
publish:
  - {registry: "` + r.registry + `"}
  - {directory: released}
`,
	} {
		testfile.Write(t, filepath.Join(r.dir, filepath.FromSlash(file)), content)
	}
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "none"})
	imagetest.Push(t, r.other+"/tools/pause:3.10", imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", base, imagetest.RandomLayer(t, 1, 300_000)),
		imagetest.Image(t, "linux/arm64", base, imagetest.RandomLayer(t, 2, 300_000))))
	return r
}

// makeSmallRelease is makeRelease for two platforms and one version of Windows.
func makeSmallRelease(t *testing.T) *testRelease {
	t.Helper()
	r := makeRelease(t)
	r.configure("platforms: [linux/amd64, linux/arm64, windows/amd64]", "platforms: [linux/amd64, windows/amd64]")
	r.configure("windows: {ltsc2022: 10.0.20348.4294, ltsc2025", "windows: {ltsc2025")
	r.configure("- {platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile", "- {platforms: [linux/amd64, windows/amd64], dockerfile")
	return r
}

// configure replaces text of slipway.yaml.
func (r *testRelease) configure(old, new string) {
	r.t.Helper()
	file := filepath.Join(r.dir, config.FileName)
	raw, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		r.t.Fatalf("slipway.yaml has no %q", old)
	}
	testfile.Write(r.t, file, strings.Replace(string(raw), old, new, 1))
}

// open returns a new run, as of a new process.
func (r *testRelease) open(change ...func(*Options)) *Release {
	r.t.Helper()
	o := r.options
	o.Getenv = func(name string) (string, bool) { v, ok := r.env[name]; return v, ok }
	o.Config = filepath.Join(r.dir, config.FileName)
	for _, c := range change {
		c(&o)
	}
	b, err := Open(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { b.Close() })
	return b
}

func (r *testRelease) run(verb string, only ...string) *Release {
	r.t.Helper()
	b := r.open()
	r.do(b, verb, only...)
	return b
}

func (r *testRelease) do(b *Release, verb string, only ...string) {
	r.t.Helper()
	if err := r.try(b, verb, only...); err != nil {
		r.t.Fatalf("%s %v: %v", verb, only, err)
	}
}

func (r *testRelease) try(b *Release, verb string, only ...string) error {
	r.t.Helper()
	s, err := plan.Select(verb, only)
	if err != nil {
		r.t.Fatal(err)
	}
	if verb == "build" || verb == "package" {
		imagetest.Program(r.t, "go")
	}
	return b.Run(r.t.Context(), s)
}

// files returns the files below a folder of the project, with their metadata.
func (r *testRelease) files(folder string) map[string]fs.FileInfo {
	r.t.Helper()
	found := map[string]fs.FileInfo{}
	root := filepath.Join(r.dir, folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(rel)], err = d.Info()
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return found
}

func TestARelease(t *testing.T) {
	r := makeRelease(t)
	r.run("build")
	r.run("package")
	want := strings.Fields(`acme-images-all.linux-amd64.txt acme-images-all.linux-arm64.txt acme-images-all.windows-amd64.txt
		acme-images-core.linux-amd64.tar.gz acme-images-core.linux-amd64.tar.zst acme-images-core.linux-amd64.txt
		acme-images-core.linux-arm64.tar.gz acme-images-core.linux-arm64.tar.zst acme-images-core.linux-arm64.txt
		acme-images-windows.windows-ltsc2022-amd64.tar.gz acme-images-windows.windows-ltsc2022-amd64.tar.zst acme-images-windows.windows-ltsc2022-amd64.txt
		acme-images-windows.windows-ltsc2025-amd64.tar.gz acme-images-windows.windows-ltsc2025-amd64.tar.zst acme-images-windows.windows-ltsc2025-amd64.txt
		acme-images.linux-amd64.tar.gz acme-images.linux-amd64.tar.zst acme-images.linux-amd64.txt
		acme-images.linux-arm64.tar.gz acme-images.linux-arm64.tar.zst acme-images.linux-arm64.txt
		acme.linux-amd64 acme.linux-amd64.tar.gz acme.linux-arm64 acme.linux-arm64.tar.gz acme.windows-amd64.exe acme.windows-amd64.zip
		sha256sum-amd64.txt sha256sum-arm64.txt`)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(r.files("dist/artifacts")))); diff != "" {
		t.Errorf("dist/artifacts (-want +got):\n%s", diff)
	}
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	checkSums(t, filepath.Join(r.dir, "dist", "artifacts"))

	r.run("publish")
	ref, err := name.ParseReference(r.registry + "/team/acme-runtime:v1.2.3-acme1")
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range m.Manifests {
		platforms = append(platforms, strings.TrimSpace(d.Platform.OS+"/"+d.Platform.Architecture+" "+d.Platform.OSVersion))
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64", "windows/amd64 10.0.26100.4294", "windows/amd64 10.0.20348.4294"}, platforms); diff != "" {
		t.Errorf("the published index (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(r.files("dist/artifacts"))), slices.Sorted(maps.Keys(r.files("released")))); diff != "" {
		t.Errorf("the published folder (-dist/artifacts +released):\n%s", diff)
	}
}

// checkSums checks the files with sha256sum, except on Windows, which does not have it.
func checkSums(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	program := imagetest.Program(t, "sha256sum")
	for _, file := range []string{"sha256sum-amd64.txt", "sha256sum-arm64.txt"} {
		cmd := exec.Command(program, "--check", "--strict", file)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sha256sum --check %s: %v\n%s", file, err, out)
		}
	}
}

func TestASecondRunChangesNothing(t *testing.T) {
	r := makeRelease(t)
	r.run("build")
	r.run("package")
	before := r.files("dist")
	r.run("build")
	r.run("package")
	for name, now := range r.files("dist") {
		// Locks and records of the store change, but content does not.
		if was := before[name]; !strings.Contains(name, ".slipway/") && (was == nil || !os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime())) {
			t.Errorf("dist/%s was written again", name)
		}
	}
}

func TestMissingContentIsReportedTogether(t *testing.T) {
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/none:1\n"+r.other+"/tools/pause:3.10\n"+r.other+"/tools/linux:1\n")
	imagetest.Push(t, r.other+"/tools/linux:1", imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": ""}))))
	err := r.try(r.open(), "package", "airgap")
	if err == nil {
		t.Fatal("an image that does not exist was packed")
	}
	for _, want := range []string{"images.txt:1", "tools/none:1", "images.txt:3", "tools/linux:1", "linux/arm64", "linux/amd64"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
	if left := r.files("dist/artifacts"); len(left) > 0 {
		t.Errorf("files remain: %v", slices.Sorted(maps.Keys(left)))
	}
}

func TestPartsOfARelease(t *testing.T) {
	r := makeRelease(t)
	narrow := r.open(func(o *Options) { o.OS = "windows" })
	r.do(narrow, "package", "windows")
	for name := range r.files("dist/artifacts") {
		if strings.Contains(name, "linux") {
			t.Errorf("package windows wrote %s", name)
		}
	}
	r.run("package")
	sums, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", "sha256sum-amd64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"acme.windows-amd64.zip", "acme-images-windows.windows-ltsc2025-amd64.tar.zst", "acme.linux-amd64.tar.gz"} {
		if !strings.Contains(string(sums), "  "+want+"\n") {
			t.Errorf("the checksums lack %s", want)
		}
	}
}

func TestVerifyReportsEveryProblem(t *testing.T) {
	r := makeRelease(t)
	r.run("build")
	r.run("package")
	artifacts := filepath.Join(r.dir, "dist", "artifacts")
	testfile.Write(t, filepath.Join(artifacts, "stray.tar"), "x")
	if err := os.Remove(filepath.Join(artifacts, "acme.linux-arm64")); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(artifacts, "acme-images-core.linux-amd64.tar.zst")
	raw, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	testfile.Write(t, damaged, string(raw))
	testfile.Write(t, filepath.Join(r.dir, "dist", "bin", "linux-amd64", "acme"), "x")
	err = r.open().Verify(t.Context())
	if err == nil {
		t.Fatal("verify found nothing")
	}
	for _, want := range []string{"binary acme for linux/amd64: dist/bin/linux-amd64/acme has sha256:", "stray.tar is not of this release", "missing dist/artifacts/acme.linux-arm64", "acme-images-core.linux-amd64.tar.zst", "sha256sum-amd64.txt"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
}

func TestVerifyReportsFilesOfAnotherRelease(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	r.env["TAG"] = "v1.2.4+acme1"
	if err := r.open().Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "is for v1.2.3+acme1") {
		t.Errorf("got %v, want an error about another release", err)
	}
	r.run("build")
	r.run("package", "airgap")
	err := r.open().Verify(t.Context())
	if err == nil || !strings.Contains(err.Error(), "acme.windows-amd64.zip is of another release") || strings.Contains(err.Error(), "acme-images") {
		t.Errorf("got %v, want that the bundles, and they alone, are of another release", err)
	}
	r.run("package", "bundles")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPublishRefusesOtherImagesThanWerePackaged(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	testfile.Write(t, filepath.Join(r.dir, "charts", "chart.yaml"), "name: changed\n")
	r.run("build")
	if err := r.try(r.open(), "publish", "images"); err == nil || !strings.Contains(err.Error(), "run package again") {
		t.Errorf("got %v, want an error that says to package again", err)
	}
	r.run("package")
	r.run("publish", "images")
}

func TestPublishRefusesArtifactsOfAnotherRelease(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	r.env["TAG"] = "v1.2.4+acme1"
	for _, want := range []string{"is for v1.2.3+acme1, but this is v1.2.4+acme1", "acme.linux-amd64 differs from the output of package for acme v1.2.4+acme1"} {
		if err := r.try(r.open(), "publish"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		r.run("build")
	}
	if left := r.files("released"); len(left) > 0 {
		t.Errorf("published all the same: %v", slices.Sorted(maps.Keys(left)))
	}
	ref, err := name.ParseReference(r.registry + "/team/acme-runtime:v1.2.4-acme1-linux-amd64")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Image(ref); err == nil {
		t.Error("images were pushed before the artifacts were looked at")
	}
	r.run("package")
	r.run("publish")
}

func TestIndexNeedsImagesInTheRegistry(t *testing.T) {
	r := makeRelease(t)
	err := r.try(r.open(), "publish", "index")
	if err == nil || !strings.Contains(err.Error(), "acme-runtime:v1.2.3-acme1-linux-arm64") {
		t.Errorf("got %v, want an error that names what was not pushed", err)
	}
}

func TestOfflineUsesTheCacheAlone(t *testing.T) {
	r := makeRelease(t)
	offline := func(o *Options) { o.Offline = true }
	if err := r.try(r.open(offline), "package", "airgap"); err == nil || !strings.Contains(err.Error(), "tools/pause:3.10") || !strings.Contains(err.Error(), "offline") {
		t.Errorf("got %v, want an error that names what is not in the cache", err)
	}
	r.run("package", "airgap")
	if err := r.open().Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.do(r.open(offline), "package", "airgap")
}

// All builders make images with the same digests.
func TestBuildersAgree(t *testing.T) {
	digests := func(change func(*Options)) map[string]string {
		r := makeRelease(t)
		r.env["REGISTRY"] = "registry.example.com"
		b := r.open(change)
		r.do(b, "build")
		found := map[string]string{}
		for _, m := range b.report.sorted() {
			if m.Kind != "binary" {
				found[m.Ref] = m.Digest
			}
		}
		return found
	}
	want := digests(func(*Options) {})
	t.Run("buildkit", func(t *testing.T) {
		address := imagetest.Buildkit(t)
		if diff := cmp.Diff(want, digests(func(o *Options) { o.Builder, o.BuildkitHost = "buildkit", address })); diff != "" {
			t.Errorf("(-embedded +buildkit):\n%s", diff)
		}
	})
	t.Run("docker", func(t *testing.T) {
		address := imagetest.Docker(t)
		if diff := cmp.Diff(want, digests(func(o *Options) { o.Builder, o.DockerHost = "docker", address })); diff != "" {
			t.Errorf("(-embedded +docker):\n%s", diff)
		}
	})
}

func TestEmbeddedBuilderRefusesUnsupportedKeys(t *testing.T) {
	r := makeRelease(t)
	raw, err := os.ReadFile(filepath.Join(r.dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, config.FileName), strings.Replace(string(raw), "  - name: acme-runtime\n",
		"  - name: acme-runtime\n    secrets: [\"id=token,env=TOKEN\"]\n    cache-from: [\"type=local,src=cache\"]\n", 1))
	err = r.try(r.open(), "build")
	for _, want := range []string{"image acme-runtime", "secrets: want builder docker or buildkit", "cache-from: want builder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}

func TestAReleaseInParts(t *testing.T) {
	r := makeRelease(t)
	raw, err := os.ReadFile(filepath.Join(r.dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, config.FileName), strings.Replace(string(raw), "  level: fastest\n", "  level: fastest\n  split: 500KB\n", 1))
	r.run("build")
	r.run("package")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	checkSums(t, filepath.Join(r.dir, "dist", "artifacts"))
	before := r.files("dist/artifacts")
	for _, want := range []string{"acme-images.linux-amd64.tar.zst.part001", "acme-images.linux-amd64.tar.zst.part002", "acme-images.linux-amd64.tar.zst.sha256"} {
		if before[want] == nil {
			t.Errorf("missing %s in %v", want, slices.Sorted(maps.Keys(before)))
		}
	}
	r.run("package")
	for name, now := range r.files("dist/artifacts") {
		if was := before[name]; was == nil || !os.SameFile(was, now) {
			t.Errorf("%s was written again", name)
		}
	}
	r.run("publish", "artifacts")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(r.files("released")))); diff != "" {
		t.Errorf("the published folder (-dist/artifacts +released):\n%s", diff)
	}
	// Package again without splitting: no parts remain.
	testfile.Write(t, filepath.Join(r.dir, config.FileName), string(raw))
	r.run("package")
	for name := range r.files("dist/artifacts") {
		if strings.Contains(name, ".part") {
			t.Errorf("%s remains", name)
		}
	}
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func TestFileTooLargeForGitHubIsReportedEarly(t *testing.T) {
	r := makeRelease(t)
	raw, err := os.ReadFile(filepath.Join(r.dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, config.FileName), string(raw)+"  - {github: acme/acme}\n")
	b := r.open()
	large := filepath.Join(r.dir, "dist", "artifacts", "acme-images.linux-amd64.tar.gz")
	testfile.Write(t, large, "")
	if err := os.Truncate(large, maxReleaseFile); err != nil {
		t.Fatal(err)
	}
	if err := b.checkReleaseSizes(); err == nil || !strings.Contains(err.Error(), "acme-images.linux-amd64.tar.gz has 2.1 GB") || !strings.Contains(err.Error(), "airgap.split") {
		t.Errorf("got %v", err)
	}
	if err := os.Truncate(large, maxReleaseFile-1); err != nil {
		t.Fatal(err)
	}
	if err := b.checkReleaseSizes(); err != nil {
		t.Error(err)
	}
}

// Paths that begin with dist/ refer to the output folder, wherever it is and however its path is
// spelled.
func TestOutputFolderOutsideOfTheRepository(t *testing.T) {
	r := makeRelease(t)
	config := filepath.Join(r.dir, config.FileName)
	raw, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), `"dist/bin/`, `"./dist/bin/`)
	text = strings.Replace(text, "{source: LICENSE}", "{source: dist, path: all}", 1)
	testfile.Write(t, config, strings.Replace(text, "{directory: released}", "{directory: ./dist/released}", 1))
	out := filepath.Join(t.TempDir(), "o u:t")
	there := func(o *Options) { o.Dist, o.OS = out, "linux" }
	r.do(r.open(there), "build", "linux")
	b := r.open(there)
	step := b.Plan.Bundles[0]
	if mode := bundleMode(step.Files[0]); mode != 0o755 {
		t.Errorf("%s gets mode %o; want that of a program", step.Files[0].Source, mode)
	}
	if got := b.path(step.Files[1].Source); got != out {
		t.Errorf("dist is %s, want %s", got, out)
	}
	testfile.Write(t, config, strings.Replace(string(raw), "{directory: released}", "{directory: ./dist/released}", 1))
	r.do(r.open(there), "package", "linux")
	b = r.open(there)
	r.do(b, "publish", "artifacts")
	if published := b.published.sorted(); len(published) != 1 || published[0].Path != "./dist/released" || published[0].Size == 0 {
		t.Errorf("reported as published: %v", published)
	}
	if _, err := os.Stat(filepath.Join(out, "released", "sha256sum-amd64.txt")); err != nil {
		t.Error(err)
	}
	if left := r.files("dist"); len(left) > 0 {
		t.Errorf("dist of the project has %v", slices.Sorted(maps.Keys(left)))
	}
}

func TestImagesNeedOnlyTheirOwnBinaries(t *testing.T) {
	r := makeRelease(t)
	r.configure("images:\n", "  - {name: helper, package: ./cmd/acme}\nimages:\n")
	r.configure("{platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile: Dockerfile}", "{platforms: [linux/amd64, linux/arm64], dockerfile: Dockerfile}")
	r.configure("    windows: {images: [acme-runtime], platforms: [windows/amd64]}\n", "")
	compiled := func() []string { return slices.Sorted(maps.Keys(r.files("dist/bin"))) }
	r.run("build", "images")
	if diff := cmp.Diff([]string{"linux-amd64/acme", "linux-arm64/acme"}, compiled()); diff != "" {
		t.Errorf("build images (-want +got):\n%s", diff)
	}
	// A changed pattern is evaluated, and the image is made again.
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nCOPY --from=bin --chmod=0755 h*r /bin/\n")
	r.run("build", "images")
	if diff := cmp.Diff([]string{"linux-amd64/acme", "linux-amd64/helper", "linux-arm64/acme", "linux-arm64/helper"}, compiled()); diff != "" {
		t.Errorf("build images of helper (-want +got):\n%s", diff)
	}
	b := r.run("build")
	made := map[madeKey]bool{}
	for _, m := range b.report.sorted() {
		if made[m.key()] {
			t.Errorf("%s was made twice", m.Where())
		}
		made[m.key()] = true
	}
	if len(compiled()) != 6 {
		t.Errorf("build made %v, want all 6", compiled())
	}
}
