package release

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// recorded returns the digests of images and indexes in artifacts.json, by the last part of their
// names.
func (r *testRelease) recorded() map[string]string {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(raw, &report); err != nil {
		r.t.Fatal(err)
	}
	digests := map[string]string{}
	for _, m := range report.Made {
		if m.Kind == "image" || m.Kind == "index" {
			digests[m.Ref[strings.LastIndex(m.Ref, "/")+1:]] = m.Digest
		}
	}
	return digests
}

// pushed returns the digests in a repository of a registry, by name and tag.
func (r *testRelease) pushed(registry, repository string) map[string]string {
	r.t.Helper()
	repo, err := name.NewRepository(registry + "/" + repository)
	if err != nil {
		r.t.Fatal(err)
	}
	tags, err := remote.List(repo)
	if err != nil {
		return nil // nothing was pushed
	}
	digests := map[string]string{}
	for _, tag := range tags {
		d, err := remote.Head(repo.Tag(tag))
		if err != nil {
			r.t.Fatal(err)
		}
		digests[filepath.Base(repository)+":"+tag] = d.Digest.String()
	}
	return digests
}

// Publish sends what was verified, in whatever order the verbs run.
func TestVerbsInEveryOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []string // verbs; words after a verb are its parts; platform= narrows and REGISTRY= redirects
	}{
		{"build, package, verify, publish", []string{"build", "package", "verify", "publish"}},
		{"package alone", []string{"package", "verify", "publish"}},
		{"build after package", []string{"package", "build", "verify", "publish"}},
		{"verify after publish", []string{"package", "publish", "verify"}},
		{"images early", []string{"build images", "publish images index", "package", "verify", "publish"}},
		{"part by part", []string{"build binaries", "build images", "package bundles", "package airgap", "verify",
			"publish images", "publish index", "publish artifacts"}},
		{"system by system", []string{"package linux", "package windows", "verify", "publish"}},
		{"platform by platform", []string{"package platform=linux/arm64", "build platform=windows/amd64", "package platform=linux/amd64",
			"package platform=windows/amd64", "verify", "publish"}},
		{"pushed platform by platform", []string{"package", "verify", "publish images platform=linux/arm64", "publish images platform=linux/amd64",
			"publish images platform=windows/amd64", "publish index", "publish artifacts"}},
		{"again", []string{"package", "publish", "package", "verify", "publish"}},
		{"to another registry", []string{"build", "package", "verify", "publish REGISTRY=other", "verify REGISTRY=other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := makeRelease(t)
			r.configure("  - {registry: \""+r.registry+"\"}\n", "")
			r.configure("  level: fastest\n", "  formats: [tar]\n")
			destination := r.registry
			var verified map[string]string
			for _, step := range c.steps {
				words := strings.Fields(step)
				var only []string
				var change []func(*Options)
				for _, word := range words[1:] {
					if text, ok := strings.CutPrefix(word, "platform="); ok {
						platform, err := images.ParsePlatform(text)
						if err != nil {
							t.Fatal(err)
						}
						change = append(change, func(o *Options) { o.Platforms = append(o.Platforms, platform) })
					} else if word == "REGISTRY=other" {
						destination = r.other
						change = append(change, func(o *Options) {
							getenv := o.Getenv
							o.Getenv = func(name string) (string, bool) {
								if name == "REGISTRY" {
									return r.other, true
								}
								return getenv(name)
							}
						})
					} else {
						only = append(only, word)
					}
				}
				for _, system := range plan.Systems {
					if len(only) == 1 && only[0] == system {
						change = append(change, func(o *Options) { o.OS = system })
					}
				}
				b := r.open(change...)
				before := r.files("dist")
				if words[0] == "verify" {
					if err := b.Verify(t.Context()); err != nil {
						t.Fatalf("%s: %v", step, err)
					}
					verified = r.recorded()
				} else {
					r.do(b, words[0], only...)
				}
				if words[0] == "build" || words[0] == "package" {
					continue
				}
				for file, now := range r.files("dist") {
					if was := before[file]; !strings.Contains(file, ".slipway/") && (was == nil || !os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime())) {
						t.Errorf("%s wrote dist/%s", step, file)
					}
				}
			}
			if len(verified) != 6 {
				t.Errorf("verified %v, want 4 images and 2 indexes", verified)
			}
			if diff := cmp.Diff(verified, r.pushed(destination, "team/acme-runtime")); diff != "" {
				t.Errorf("the content of the registry (-verified +pushed):\n%s", diff)
			}
		})
	}
}

func TestPublishMakesNothing(t *testing.T) {
	for _, c := range []struct {
		name          string
		make, publish []string
		want          string
	}{
		{"nothing", nil, nil, "artifacts.json, which records the inputs of dist"},
		{"binaries alone", []string{"build binaries"}, []string{"images"}, "run build first"},
		{"images alone", []string{"build images"}, nil, "acme.linux-amd64: run package first"},
		{"one platform", []string{"build images linux"}, []string{"images"}, "does not contain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := makeRelease(t)
			for _, step := range c.make {
				words := strings.Fields(step)
				r.do(r.open(func(o *Options) {
					if strings.HasSuffix(step, "linux") {
						o.OS = "linux"
					}
				}), words[0], words[1:]...)
			}
			before := len(r.files("dist"))
			err := r.try(r.open(), "publish", c.publish...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if after := len(r.files("dist")); after != before {
				t.Errorf("dist had %d files and has %d", before, after)
			}
			if found := r.pushed(r.registry, "team/acme-runtime"); len(found) > 0 {
				t.Errorf("pushed nevertheless: %v", found)
			}
		})
	}
}

func TestPublishSaysWhichInputsChanged(t *testing.T) {
	r := makeRelease(t)
	r.configure("ldflags: [-s -w]", `ldflags: [-s -w, "-X main.flavour=${FLAVOUR}"]`)
	r.configure("project: acme\n", "project: acme\nvars: {FLAVOUR: plain, FOLDER: released}\n")
	r.configure("publish:\n", "publish:\n  - {directory: \"${FOLDER}\"}\n")
	r.run("package")
	// Runs that are refused come first, since they push nothing.
	for _, c := range []struct {
		name   string
		change func(r *testRelease)
		want   string // empty means that publish succeeds
	}{
		{"the version", func(r *testRelease) { r.env["TAG"] = "v1.2.4+acme1" }, "the version was v1.2.3+acme1 and is v1.2.4+acme1"},
		{"the clock", func(r *testRelease) { r.env["SOURCE_DATE_EPOCH"] = "1700000001" }, "SOURCE_DATE_EPOCH was 2023-11-14T22:13:20Z and is 2023-11-14T22:13:21Z"},
		{"a linked variable", func(r *testRelease) { r.env["FLAVOUR"] = "salty" }, "the variable FLAVOUR was plain and is salty"},
		{"flags", func(r *testRelease) { r.configure("[-s -w, ", "[-s, ") }, "slipway.yaml or an image list has changed"},
		{"a list", func(r *testRelease) { testfile.Write(r.t, filepath.Join(r.dir, "images.txt"), "") }, "slipway.yaml or an image list has changed"},
		{"a comment", func(r *testRelease) { r.configure("project: acme", "# Ours.\nproject: acme") }, ""},
		{"where engines are", func(r *testRelease) {
			r.configure("binaries:", "builders: {linux/arm64: tcp://arm.example.com:1234}\nbinaries:")
		}, ""},
		{"a destination", func(r *testRelease) { r.configure("  - {directory: released}\n", "  - {directory: elsewhere}\n") }, ""},
		{"a variable of a destination", func(r *testRelease) { r.env["FOLDER"] = "there" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			env := maps.Clone(r.env)
			text, list := r.read(config.FileName), r.read("images.txt")
			c.change(r)
			for verb, err := range map[string]error{"publish": r.try(r.open(), "publish"), "verify": r.open().Verify(t.Context())} {
				switch {
				case c.want == "" && err != nil:
					t.Errorf("%s: %v", verb, err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("%s: got %v, want %q", verb, err, c.want)
				}
			}
			if found := r.pushed(r.registry, "team/acme-runtime"); (len(found) > 0) != (c.want == "") {
				t.Errorf("the registry has %v", found)
			}
			r.env = env
			testfile.Write(t, filepath.Join(r.dir, config.FileName), text)
			testfile.Write(t, filepath.Join(r.dir, "images.txt"), list)
		})
	}
}

// read returns the content of a file of the project.
func (r *testRelease) read(file string) string {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(raw)
}

// Each of several machines pushes the images of its platform, and the last one pushes the index.
func TestAnIndexOfSeveralMachines(t *testing.T) {
	r := makeRelease(t)
	machine := func(platform string) *testRelease {
		m := makeRelease(t)
		m.env["REGISTRY"], m.options.Platforms = r.registry, platforms(t, platform)
		m.configure("  - {registry: \""+m.registry+"\"}\n", "")
		m.run("build")
		m.run("publish", "images")
		return m
	}
	amd64 := machine("linux/amd64")
	if err := amd64.try(amd64.open(), "publish"); err == nil || !strings.Contains(err.Error(), "publish the images of every platform first") {
		t.Errorf("got %v, want an error about missing platforms", err)
	}
	machine("linux/arm64")
	machine("windows/amd64")
	amd64.run("publish", "index")
	if found := r.pushed(r.registry, "team/acme-runtime"); len(found) != 6 {
		t.Errorf("the registry has %v, want 4 images and 2 indexes", found)
	}
	image := imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"other": ""}))
	imagetest.Push(t, r.registry+"/team/acme-runtime:v1.2.3-acme1-linux-amd64", image)
	if err := amd64.try(amd64.open(), "publish", "index"); err == nil || !strings.Contains(err.Error(), "but dist has") {
		t.Errorf("got %v, want an error about another image in the registry", err)
	}
}
