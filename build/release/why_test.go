package release

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// makeExplained returns a project that has every kind of input, and of which a run has made everything.
func makeExplained(t *testing.T) *testRelease {
	t.Setenv("GOTOOLCHAIN", "local")
	r := makeRelease(t)
	for file, content := range map[string]string{
		"src/go.mod":         "module example.com/acme\n\ngo 1.25\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n",
		"src/cmd/acme/x.go":  "package main\n\nimport \"example.com/lib\"\n\nvar name, key string\n\nfunc main() { println(lib.Name, name, key) }\n",
		"src/cmd/acme/extra": "embedded\n",
		"lib/go.mod":         "module example.com/lib\n\ngo 1.25\n",
		"lib/lib.go":         "package lib\n\nconst Name = \"lib\"\n",
		"schema/a.txt":       "a\n",
		"charts/run.sh":      "true\n",
		"charts/.keep":       "",
		"scripts/post.sh":    "true\n",
		"Dockerfile": "# the image\nARG BASE=" + r.other + "/base:1\nFROM ${BASE}\nARG CHANNEL=stable\nLABEL channel=${CHANNEL}\n" +
			"COPY --from=bin acme* /bin/\nCOPY charts /charts/\nENTRYPOINT [\"/bin/acme\"]\n",
		".dockerignore": "charts/ignored\n",
		"images.txt":    r.other + "/tools/pause:3.10\n",
		"slipway.yaml": `project: acme
repository: team
vars: {CHANNEL: stable, API_TOKEN: hunter2hunter2}
platforms: [linux/amd64]
fetch:
  - {url: "` + fileServer(t, "content") + `", sha256: ` + hexOf("content") + `, path: charts/fetched}
binaries:
  - name: acme
    module: src
    package: ./cmd/acme
    tags: [netgo]
    ldflags: [-s, "-X main.name=${CHANNEL}", "-X main.key=${API_TOKEN}"]
    env: {GOAMD64: v1}
    assert: [static]
    before: [{run: [go, version], inputs: [schema]}]
images:
  - name: acme-runtime
    contexts: {bin: "dist/bin/${PLATFORM}"}
    args: {CHANNEL: stable}
    labels: {vendor: acme}
    variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]
airgap:
  level: fastest
  lists:
    core: {images: [acme-runtime]}
    images: {file: images.txt}
bundles:
  - files:
      - {source: "dist/bin/${PLATFORM}/acme", path: /usr/bin/acme}
      - {source: LICENSE, path: /usr/share/acme/LICENSE}
    formats: [tar.gz, deb]
    package: {maintainer: "Acme <a@example.com>", description: tool, license: Apache-2.0, scripts: {postinstall: scripts/post.sh}}
publish:
  - {directory: released}
`,
	} {
		testfile.Write(t, filepath.Join(r.dir, filepath.FromSlash(file)), content)
	}
	os.Remove(filepath.Join(r.dir, "go.mod"))
	r.pushBase("base:1", "first")
	r.run("package")
	return r
}

func (r *testRelease) pushBase(name, content string) {
	r.t.Helper()
	imagetest.Push(r.t, r.other+"/"+name, imagetest.Index(r.t, imagetest.Image(r.t, "linux/amd64", imagetest.Layer(r.t, imagetest.Files{"etc/os-release": content}))))
}

// restorable saves the files of the project, and returns a function that restores them.
func (r *testRelease) restorable() (restore func()) {
	type saved struct {
		content []byte
		mode    fs.FileMode
	}
	read := func() map[string]saved {
		files := map[string]saved{}
		err := filepath.WalkDir(r.dir, func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.Contains(file, filepath.Join("dist", "oci")) {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			content, err := os.ReadFile(file)
			files[file] = saved{content, info.Mode()}
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
		return files
	}
	before := read()
	return func() {
		now := read()
		for file := range now {
			if _, ok := before[file]; !ok {
				os.Remove(file)
			}
		}
		for file, s := range before {
			if have, ok := now[file]; !ok || string(have.content) != string(s.content) || have.mode != s.mode {
				testfile.Write(r.t, file, string(s.content))
				if err := os.Chmod(file, s.mode); err != nil {
					r.t.Fatal(err)
				}
			}
		}
	}
}

// replace replaces text of a file of the project.
func (r *testRelease) edit(file, old, new string) {
	r.t.Helper()
	file = filepath.Join(r.dir, filepath.FromSlash(file))
	raw, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(raw), old) {
		r.t.Fatalf("%s has no %q (%v)", file, old, err)
	}
	testfile.Write(r.t, file, strings.Replace(string(raw), old, new, 1))
}

var digestText = regexp.MustCompile(`sha256:[0-9a-f]{12}`)

// explained returns the changes of a target as text, a line each. Digests are #.
func (r *testRelease) explained(target string, change ...func(*Options)) (why.Answer, []string) {
	r.t.Helper()
	targets, err := plan.ParseTargets([]string{target})
	if err != nil {
		r.t.Fatal(err)
	}
	answers, err := r.open(change...).Why(r.t.Context(), targets)
	if err != nil || len(answers) != 1 {
		r.t.Fatalf("why %s: %d answers, %v", target, len(answers), err)
	}
	var out strings.Builder
	why.WriteChanges(&out, answers[0].Changes, 0)
	text := strings.ReplaceAll(digestText.ReplaceAllString(out.String(), "#"), r.other, "other")
	text = strings.ReplaceAll(text, r.registry, "own")
	return answers[0], strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func TestWhyNamesWhatHasChanged(t *testing.T) {
	r := makeExplained(t)
	restore := r.restorable()
	yaml := func(old, new string) func() { return func() { r.configure(old, new) } }
	edit := func(file, old, new string) func() { return func() { r.edit(file, old, new) } }
	add := func(file, content string) func() {
		return func() { testfile.Write(r.t, filepath.Join(r.dir, filepath.FromSlash(file)), content) }
	}
	remove := func(file string) func() { return func() { os.Remove(filepath.Join(r.dir, filepath.FromSlash(file))) } }
	env := func(name, value string) func() { return func() { r.env[name] = value } }
	const (
		binary, bundle = "dist/bin/linux-amd64/acme", "dist/artifacts/acme.linux-amd64.tar.gz"
		binaryAgain    = "made dist/bin/linux-amd64/acme: # -> made again"
		imageAgain     = "made own/team/acme-runtime:v1.2.3-acme1-linux-amd64: # -> made again"
	)
	for _, c := range []struct {
		name, target string
		plant        func()
		want         []string
	}{
		// Binaries.
		{"a source file", binary, edit("src/cmd/acme/x.go", "lib.Name", "lib.Name + lib.Name"), []string{"file src/cmd/acme/x.go: # -> #"}},
		{"a new source file", binary, add("src/cmd/acme/y.go", "package main\n"), []string{"file src/cmd/acme/y.go: none -> #"}},
		{"a removed file", binary, remove("src/cmd/acme/extra"), []string{"file src/cmd/acme/extra: # -> none"}},
		{"a file of a replaced module", binary, edit("lib/lib.go", "lib\"", "library\""), []string{"file lib/lib.go: # -> #"}},
		{"a version in go.mod", binary, edit("src/go.mod", "v1.0.0", "v1.1.0"),
			[]string{"module example.com/lib: v1.0.0 => ../lib -> v1.1.0 => ../lib", "file src/go.mod: # -> #"}},
		{"a new requirement", binary, edit("src/go.mod", "require", "require example.com/new v0.1.0\nrequire"),
			[]string{"module example.com/new: none -> v0.1.0", "file src/go.mod: # -> #"}},
		{"the Go version in go.mod", binary, edit("src/go.mod", "go 1.25", "go 1.26"), []string{"module go: 1.25 -> 1.26", "file src/go.mod: # -> #"}},
		{"go.sum", binary, add("src/go.sum", "example.com/lib v1.0.0 h1:x\n"), []string{"file src/go.sum: none -> #"}},
		{"a workspace", binary, add("go.work", "go 1.25\n\nuse ./src\n"), []string{"file go.work: none -> #"}},
		{"a linker flag", binary, yaml("ldflags: [-s,", "ldflags: [-w,"),
			[]string{"setting ldflags: -s -X main.name=stable -X main.key=*** -> -w -X main.name=stable -X main.key=***"}},
		{"a variable", binary, yaml("CHANNEL: stable, API", "CHANNEL: edge, API"),
			[]string{"setting ldflags: -s -X main.name=stable -X main.key=*** -> -s -X main.name=edge -X main.key=***"}},
		{"a variable of the environment", binary, env("CHANNEL", "testing"),
			[]string{"setting ldflags: -s -X main.name=stable -X main.key=*** -> -s -X main.name=testing -X main.key=***"}},
		{"a secret", binary, env("API_TOKEN", "hunter3hunter3"),
			[]string{"setting ldflags: -s -X main.name=stable -X main.key=*** -> -s -X main.name=stable -X main.key=***"}},
		{"a build tag", binary, yaml("tags: [netgo]", "tags: [netgo, osusergo]"), []string{"setting tags: netgo -> netgo osusergo"}},
		{"a compiler flag", binary, yaml("    assert:", "    gcflags: [all=-N]\n    assert:"), []string{"setting flags: none -> -gcflags=all=-N"}},
		{"the build mode", binary, yaml("    assert: [static]", "    buildmode: pie"), []string{"setting assert: static -> none", "setting flags: none -> -buildmode=pie"}},
		{"an environment variable", binary, yaml("GOAMD64: v1", "GOAMD64: v2"), []string{"setting env.GOAMD64: v1 -> v2"}},
		{"an assertion", binary, yaml("assert: [static]", "assert: [static, max-size=90MiB]"), []string{"setting assert: static -> static max-size=90MiB"}},
		{"another package", binary, yaml("package: ./cmd/acme", "package: ./cmd"), []string{"setting package: ./cmd/acme -> ./cmd"}},
		{"the toolchain", binary, func() { r.t.Setenv("GOTOOLCHAIN", "go1.99.0") }, []string{"tool go: GO (GOTOOLCHAIN=local) -> GO (GOTOOLCHAIN=go1.99.0)"}},
		{"an input of a hook", binary, edit("schema/a.txt", "a", "b"), []string{"file schema/a.txt: # -> #"}},
		{"the command of a hook", binary, yaml("[go, version]", "[go, env]"), []string{"setting before[0].run: go version -> go env"}},
		{"a missing output", binary, remove("dist/bin/linux-amd64/acme"), []string{"output dist/bin/linux-amd64/acme: # -> none"}},
		{"a changed output", binary, add(binary, "x"), []string{"output dist/bin/linux-amd64/acme: # -> #"}},
		// Images.
		{"the tag", "acme-runtime", env("TAG", "v1.3.0"), []string{"setting ref: own/team/acme-runtime:v1.2.3-acme1-linux-amd64 -> own/team/acme-runtime:v1.3.0-linux-amd64"}},
		{"the time", "acme-runtime", env("SOURCE_DATE_EPOCH", "1700000001"), []string{"release SOURCE_DATE_EPOCH: 2023-11-14T22:13:20Z -> 2023-11-14T22:13:21Z"}},
		{"a line of the Dockerfile", "acme-runtime", edit("Dockerfile", "LABEL channel=", "LABEL way="), []string{"dockerfile Dockerfile:5: LABEL channel=${CHANNEL} -> LABEL way=${CHANNEL}"}},
		{"a new line of the Dockerfile", "acme-runtime", edit("Dockerfile", "ENTRY", "USER 1000\nENTRY"), []string{"dockerfile Dockerfile:8: none -> USER 1000"}},
		{"the default of an ARG", "acme-runtime", edit("Dockerfile", "ARG CHANNEL=stable", "ARG CHANNEL=edge"), []string{"dockerfile Dockerfile:4: ARG CHANNEL=stable -> ARG CHANNEL=edge"}},
		{"an ARG", "acme-runtime", yaml("args: {CHANNEL: stable}", "args: {CHANNEL: edge}"), []string{"setting args.CHANNEL: stable -> edge"}},
		{"a label", "acme-runtime", yaml("labels: {vendor: acme}", "labels: {vendor: else}"), []string{"setting labels.vendor: acme -> else"}},
		{"another base image", "acme-runtime", func() { r.pushBase("base:2", "second"); r.edit("Dockerfile", "base:1", "base:2") },
			[]string{"dockerfile Dockerfile:2: ARG BASE=other/base:1 -> ARG BASE=other/base:2", "base other/base:1: # -> none", "base other/base:2: none -> #"}},
		{"a copied file", "acme-runtime", edit("charts/chart.yaml", "acme", "else"), []string{"file charts/chart.yaml: # -> #"}},
		{"a new file to copy", "acme-runtime", add("charts/new", "x"), []string{"file charts/new: none -> #", "mode charts/new: none -> 0644"}},
		{"a file that the ignore file excludes now", "acme-runtime", edit(".dockerignore", "ignored", ".keep"), []string{"file charts/.keep: # -> none", "mode charts/.keep: 0644 -> none"}},
		{"the mode of a copied file", "acme-runtime", func() { os.Chmod(filepath.Join(r.dir, "charts", "run.sh"), 0o755) }, []string{"mode charts/run.sh: 0644 -> 0755"}},
		{"a pinned file of another project", "acme-runtime", yaml("sha256: "+hexOf("content"), "sha256: "+hexOf("else")), []string{"fetched charts/fetched: # -> #"}},
		{"the compression of layers", "acme-runtime", yaml("    variants:", "    format: {compression: zstd, level: 5}\n    variants:"),
			[]string{"setting format.Compression.Algorithm: gzip -> zstd", "setting format.Compression.Level: 0 -> 5"}},
		{"a binary in an image", "acme-runtime", edit("src/cmd/acme/x.go", "lib.Name", "lib.Name + lib.Name"), []string{binaryAgain, "  file src/cmd/acme/x.go: # -> #"}},
		// Archives.
		{"the level of an archive", "images", yaml("level: fastest", "level: default"), []string{"setting level: fastest -> default"}},
		{"the layers of an archive", "images", yaml("level: fastest", "level: fastest\n  layers: original"), []string{"setting layers: uncompressed -> original"}},
		{"a limit for parts", "images", yaml("level: fastest", "level: fastest\n  split: 1900MB"), []string{"setting split: none -> 1900000000"}},
		{"a line of a list", "images", edit("images.txt", "pause:3.10\n", "pause:3.10\n"+r.other+"/base:1\n"), []string{"image other/base:1: none -> #"}},
		{"a removed line of a list", "images", edit("images.txt", r.other+"/tools/pause:3.10\n", r.other+"/base:1\n"),
			[]string{"image other/base:1: none -> #", "image other/tools/pause:3.10: # -> none"}},
		{"an input of an own image in an archive", "core", edit("charts/chart.yaml", "acme", "else"), []string{imageAgain, "  file charts/chart.yaml: # -> #"}},
		// Bundles.
		{"a file of a bundle", bundle, edit("LICENSE", "yours", "ours"), []string{"file LICENSE: # -> #"}},
		{"the mode of a file of a bundle", bundle, yaml("{source: LICENSE,", "{mode: \"0600\", source: LICENSE,"), []string{"setting files[1].mode: none -> 0600", "mode LICENSE: 0644 -> 0600"}},
		{"a script of a package", bundle, edit("scripts/post.sh", "true", "false"), []string{"file scripts/post.sh: # -> #"}},
		{"the description of a package", bundle, yaml("description: tool", "description: program"), []string{"setting package.description: tool -> program"}},
		{"the formats of a bundle", bundle, yaml("[tar.gz, deb]", "[tar.gz, zip]"), []string{"setting outputs: dist/artifacts/acme.linux-amd64.tar.gz dist/artifacts/acme.linux-amd64.deb -> dist/artifacts/acme.linux-amd64.tar.gz dist/artifacts/acme.linux-amd64.zip"}},
		// The registry is not restored.
		{"the digest of an image in a list", "images", func() {
			imagetest.Push(t, r.other+"/tools/pause:3.10", imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 9, 1000))))
		}, []string{"image other/tools/pause:3.10: # -> #"}},
		{"the digest of the base image", "acme-runtime", func() { r.pushBase("base:1", "moved") }, []string{"base other/base:1: # -> #"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.HasPrefix(c.name, "the mode of a copied file") {
				t.Skip("Windows has no modes")
			}
			defer func(outer *testing.T) { restore(); r.t = outer }(r.t)
			r.t = t
			variables := r.env
			r.env = map[string]string{}
			for name, value := range variables {
				r.env[name] = value
			}
			defer func() { r.env = variables }()
			c.plant()
			answer, got := r.explained(c.target)
			for i := range got {
				got[i] = regexp.MustCompile(`go1\.[0-9.]+[0-9] `).ReplaceAllString(got[i], "GO ")
			}
			if !answer.Again || answer.Last == why.LastUnknown || !slices.Equal(got, c.want) {
				t.Errorf("last %s, got\n%s\nwant\n%s", answer.Last, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestWhyTellsRunsApart follows targets from a first run to one that finds everything up to date.
func TestWhyTellsRunsApart(t *testing.T) {
	r := makeExplained(t)
	all := func() map[string]why.Answer {
		t.Helper()
		answers, err := r.open().Why(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]why.Answer{}
		for _, a := range answers {
			found[a.Step+" "+a.Target] = a
			if a.Again {
				t.Errorf("%s %s would be made again: %v", a.Step, a.Target, a.Changes)
			}
		}
		return found
	}
	for name, a := range all() {
		if a.Last != why.LastMade || !a.First || len(a.Made) > 0 {
			t.Errorf("%s, made once: %+v", name, a)
		}
	}
	r.run("package")
	for name, a := range all() {
		if a.Last != why.LastUpToDate || !a.First {
			t.Errorf("%s, up to date: %+v", name, a)
		}
	}
	r.configure("labels: {vendor: acme}", "labels: {vendor: else}")
	r.env["API_TOKEN"] = "hunter3hunter3"
	r.run("package")
	found := all()
	for name, want := range map[string]string{
		"binary acme@linux/amd64":        "setting ldflags: -s -X main.name=stable -X main.key=*** -> -s -X main.name=stable -X main.key=***",
		"image acme-runtime@linux/amd64": "setting labels.vendor: acme -> else\nmade dist/bin/linux-amd64/acme: # -> #",
		"archive core@linux/amd64":       "made own/team/acme-runtime:v1.2.3-acme1-linux-amd64: # -> #",
		"bundle acme@linux/amd64":        "made dist/bin/linux-amd64/acme: # -> #",
		"archive images@linux/amd64":     "",
	} {
		var out strings.Builder
		why.WriteChanges(&out, found[name].Made, 0)
		got := strings.TrimSpace(strings.ReplaceAll(digestText.ReplaceAllString(out.String(), "#"), r.registry, "own"))
		last := why.LastMade
		if want == "" {
			last = why.LastUpToDate
		}
		if got != want || found[name].Last != last {
			t.Errorf("%s: last %s, got\n%s\nwant\n%s", name, found[name].Last, got, want)
		}
	}
	os.Remove(filepath.Join(r.dir, "dist", "bin", "linux-amd64", "acme"))
	r.run("build", "binaries")
	if a := all()["binary acme@linux/amd64"]; a.Last != why.LastMade || a.First || len(a.Made) > 0 {
		t.Errorf("a binary that was made again from the same inputs: %+v", a)
	}
	records := 0
	err := filepath.WalkDir(r.cache, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(file)
		if strings.Contains(filepath.ToSlash(file), "/records/why/") {
			records++
			if strings.Contains(string(content), "hunter") {
				t.Errorf("%s has the secret", file)
			}
		}
		return err
	})
	if err != nil || records == 0 {
		t.Errorf("%d records, %v", records, err)
	}
}

func TestWhyWithoutARun(t *testing.T) {
	r := makeRelease(t)
	answers, err := r.open().Why(t.Context(), []plan.Target{{Name: "core"}})
	if err != nil || len(answers) != 2 {
		t.Fatalf("%v, %v", answers, err)
	}
	var out strings.Builder
	if err := answers[0].WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if want := "archive core@linux/amd64\n  last run: none is recorded in the cache\n  next run: makes it\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if _, err := r.open().Why(t.Context(), []plan.Target{{Name: "cores"}}); err == nil || !strings.Contains(err.Error(), `the plan has no target "cores" (did you mean "core"?): want `) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "dist")); err == nil {
		t.Error("why made something in dist")
	}
}
