package engine_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	dockerbuild "github.com/docker/docker/api/types/build"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	buildkit "github.com/moby/buildkit/client"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/session"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// fileOf returns the content of a file of img.
func fileOf(t testing.TB, img v1.Image, name string) string {
	t.Helper()
	for _, e := range imagetest.Flatten(t, imagetest.LayerEntries(t, img)) {
		if e.Name == name {
			return e.Body
		}
	}
	t.Fatalf("the image has no %s", name)
	return ""
}

func TestSecretsAndAgents(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		dir := t.TempDir()
		file := filepath.Join(dir, "token")
		if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
			t.Fatal(err)
		}
		build := buildOf(t, `FROM scratch AS run
COPY tool /
RUN --mount=type=secret,id=one --mount=type=secret,id=two,target=/two ["/tool", "copy:/run/secrets/one:/one.copy", "copy:/two:/two.copy"]
RUN --mount=type=ssh ["/tool", "agent:/agent"]
FROM scratch
COPY --from=run /one.copy /two.copy /agent /
`, nil)
		build.NoCache = true
		img, err := start(t, engine.Options{
			Secrets: []session.Secret{{ID: "one", Value: []byte("a value")}, {ID: "two", File: file}},
			SSH:     []session.Agent{{ID: "default", Paths: []string{startAgent(t)}}},
		}).Assemble(t.Context(), build)
		if err != nil {
			t.Fatal(err)
		}
		files, _ := filesOf(t, img)
		want := `-rw-r--r-- 0:0 agent "an agent answered"
-rw-r--r-- 0:0 one.copy "a value"
-rw-r--r-- 0:0 two.copy "from a file"
`
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestMissingSecret(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		build := buildOf(t, "FROM scratch\nCOPY tool /\n\nRUN --mount=type=secret,id=one,required=true [\"/tool\", \"say:x\"]\n", nil)
		_, err := start(t, engine.Options{}).Assemble(t.Context(), build)
		wantError(t, err, "Dockerfile:4: ", "secret", "one")
	})
}

// startAgent returns the socket of an ssh agent that has no keys.
func startAgent(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request := make([]byte, 5)
				if _, err := io.ReadFull(conn, request); err == nil {
					// SSH_AGENT_IDENTITIES_ANSWER of no identities.
					_, _ = conn.Write([]byte{0, 0, 0, 5, 12, 0, 0, 0, 0})
				}
			}()
		}
	}()
	return socket
}

// random returns a Dockerfile whose result differs each time it is run. A new salt makes a Dockerfile that is in no
// cache.
func random(salt string) string {
	return "FROM scratch AS run\nCOPY tool /\nRUN [\"/tool\", \"random:/out\", \"say:" + salt + "\"]\nFROM scratch\nCOPY --from=run /out /\n"
}

// TestTwoWorkers builds the platforms of an image on two machines at the same time, and passes the result of one to the
// other.
func TestTwoWorkers(t *testing.T) {
	first, second := imagetest.StartBuildkit(t), imagetest.StartBuildkit(t)
	s := openStore(t)
	build := buildOf(t, "FROM scratch\nARG TARGETPLATFORM\nLABEL for=$TARGETPLATFORM\nCOPY a.txt /\n", map[string]string{"a.txt": "a"})
	platforms := []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.17763.7919", "windows/amd64:10.0.20348.4294", "windows/amd64:10.0.26100.4294"}
	made := make([]v1.Image, len(platforms))
	group, ctx := errgroup.WithContext(t.Context())
	for i, p := range platforms {
		on := first
		if i%2 == 1 {
			on = second
		}
		group.Go(func() error {
			b := build
			b.Platform = imagetest.Platform(t, p)
			var err error
			made[i], err = engine.Buildkit(engine.Options{Address: on.Address, Store: s}).Assemble(ctx, b)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, img := range made {
		got, err := images.ConfigPlatform(img)
		if err != nil {
			t.Fatal(err)
		}
		if images.FormatPlatform(got) != platforms[i] {
			t.Errorf("the image for %s says that it is for %s", platforms[i], images.FormatPlatform(got))
		}
	}
	if a, b := layersOf(t, made[2]), layersOf(t, made[3]); !cmp.Equal(a, b) || !cmp.Equal(a, layersOf(t, made[4])) {
		t.Error("the Windows images do not share their layer")
	}

	t.Run("cache", func(t *testing.T) {
		for _, c := range []struct{ name, to, from string }{
			{"local", "type=local,mode=max,dest=" + filepath.Join(t.TempDir(), "c"), ""},
			{"registry", "type=registry,mode=max,ref=" + imagetest.Registry(t) + "/cache:1", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.from = c.to; c.name == "local" {
					c.from = strings.ReplaceAll(c.to, "dest=", "src=")
				}
				run := buildOf(t, random(c.name), nil)
				one := run
				one.NoCache = true
				a, err := engine.Buildkit(engine.Options{Address: first.Address, Store: openStore(t), CacheTo: caches(t, c.to)}).Assemble(t.Context(), one)
				if err != nil {
					t.Fatal(err)
				}
				b, err := engine.Buildkit(engine.Options{Address: second.Address, Store: openStore(t), CacheFrom: caches(t, c.from)}).Assemble(t.Context(), run)
				if err != nil {
					t.Fatal(err)
				}
				if x, y := fileOf(t, a, "out"), fileOf(t, b, "out"); x != y {
					t.Errorf("the second worker ran the step again: %s, %s", x, y)
				}
				if x, y := digestOf(t, a), digestOf(t, b); x != y {
					t.Errorf("%s is not %s", x, y)
				}
			})
		}
	})
}

func caches(t testing.TB, s string) []session.Cache {
	t.Helper()
	c, err := session.ParseCache(s)
	if err != nil {
		t.Fatal(err)
	}
	return []session.Cache{c}
}

func layersOf(t testing.TB, img v1.Image) []v1.Hash {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var all []v1.Hash
	for _, l := range m.Layers {
		all = append(all, l.Digest)
	}
	return all
}

// TestInlineCache puts the cache into the image. An engine without a record of the build finds it in a registry.
func TestInlineCache(t *testing.T) {
	for _, e := range []struct {
		name  string
		start func(testing.TB) (builder func(engine.Options) *engine.Builder, address string, forget func())
	}{
		{"buildkit", func(t testing.TB) (func(engine.Options) *engine.Builder, string, func()) {
			address := imagetest.StartBuildkit(t).Address
			client, err := buildkit.New(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close() })
			return engine.Buildkit, address, func() {
				if err := client.Prune(t.Context(), nil, buildkit.PruneAll); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"docker", func(t testing.TB) (func(engine.Options) *engine.Builder, string, func()) {
			address := imagetest.Docker(t)
			client := dockerClient(t, address)
			return engine.Docker, address, func() {
				if _, err := client.BuildCachePrune(t.Context(), dockerbuild.CachePruneOptions{All: true}); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			builder, address, forget := e.start(t)
			build := buildOf(t, random("inline"), nil)
			build.NoCache = true
			a, err := builder(engine.Options{Address: address, Store: openStore(t), CacheTo: []session.Cache{{Type: "inline"}}}).Assemble(t.Context(), build)
			if err != nil {
				t.Fatal(err)
			}
			ref := imagetest.Registry(t) + "/image:1"
			imagetest.Push(t, ref, a)
			forget()
			build.NoCache = false
			b, err := builder(engine.Options{Address: address, Store: openStore(t), CacheFrom: caches(t, ref)}).Assemble(t.Context(), build)
			if err != nil {
				t.Fatal(err)
			}
			if x, y := fileOf(t, a, "out"), fileOf(t, b, "out"); x != y {
				t.Errorf("the engine ran the step again: %s, %s", x, y)
			}
		})
	}
}

// TestUnchangedBuild shows that an unchanged image is not read from the engine again.
func TestUnchangedBuild(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		s := openStore(t)
		base := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"etc/release": "1"})))
		build := buildOf(t, "FROM example.com/base:1\nCOPY a.txt /\nCOPY b.txt /\n", map[string]string{"a.txt": "a", "b.txt": "b"})
		o := engine.Options{Store: s, Sources: sources{"example.com/base:1": base}}
		a, err := start(t, o).Assemble(t.Context(), build)
		if err != nil {
			t.Fatal(err)
		}
		tasks := &started{}
		b, err := start(t, o).Assemble(progress.With(t.Context(), tasks), build)
		if err != nil {
			t.Fatal(err)
		}
		if x, y := digestOf(t, a), digestOf(t, b); x != y {
			t.Errorf("%s, then %s", x, y)
		}
		if tasks.contains("save image") {
			t.Error("the image was read from the engine again")
		}
	})
}

// TestSeveralAtOnce builds with one Builder from several goroutines.
func TestSeveralAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("buildkitd 0.32 stopped answering eight equal builds of a program under Wine once, and later equal builds waited for them")
	}
	withEngines(t, func(t *testing.T, start starter) {
		base := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1<<20)))
		b := start(t, engine.Options{Sources: sources{"example.com/base:1": base}})
		build := buildOf(t, "FROM example.com/base:1 AS a\nCOPY a.txt /\nFROM a\nCOPY a.txt /b.txt\n", map[string]string{"a.txt": "a"})
		digests := make([]v1.Hash, 8)
		var group errgroup.Group
		for i := range digests {
			group.Go(func() error {
				img, err := b.Assemble(t.Context(), build)
				if err != nil {
					return err
				}
				digests[i], err = img.Digest()
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, d := range digests {
			if d != digests[0] {
				t.Errorf("one build made %s, another %s", digests[0], d)
			}
		}
	})
}

// TestWindowsBase shows that the base with the exact version is selected, whatever the order of the index, and that its
// layers remain unchanged.
func TestWindowsBase(t *testing.T) {
	address := imagetest.Buildkit(t)
	for _, order := range [][]string{
		{"10.0.17763.7919", "10.0.20348.4294", "10.0.26100.4294"},
		{"10.0.26100.4294", "10.0.20348.4294", "10.0.17763.7919"},
	} {
		index := imagetest.WindowsBase(t, order...)
		for _, version := range order {
			build := buildOf(t, "FROM example.com/nano:1\nCOPY a.txt C:/app/\nUSER ContainerUser\n", map[string]string{"a.txt": "a"})
			build.Platform = imagetest.Platform(t, "windows/amd64:"+version)
			img, err := engine.Buildkit(engine.Options{
				Address: address, Store: openStore(t), Sources: sources{"example.com/nano:1": index},
			}).Assemble(t.Context(), build)
			if err != nil {
				t.Fatal(err)
			}
			platform, err := images.ConfigPlatform(img)
			if err != nil {
				t.Fatal(err)
			}
			base, err := images.ImageFor(index, build.Platform)
			if err != nil {
				t.Fatal(err)
			}
			below := layersOf(t, base)
			if got := layersOf(t, img); platform.OSVersion != version || len(got) != len(below)+1 || !cmp.Equal(got[:len(below)], below) {
				t.Errorf("for %s it made one for %s of the layers %v; the base has %v", version, platform.OSVersion, got, below)
			}
			if got := fileOf(t, img, "Files/app/a.txt"); got != "a" {
				t.Errorf("a.txt has %q", got)
			}
		}
		build := buildOf(t, "FROM example.com/nano:1\n", nil)
		build.Platform = imagetest.Platform(t, "windows/amd64:10.0.22621.1")
		_, err := engine.Buildkit(engine.Options{Address: address, Store: openStore(t), Sources: sources{"example.com/nano:1": index}}).Assemble(t.Context(), build)
		wantError(t, err, append([]string{"Dockerfile:1: ", "example.com/nano:1", "10.0.22621.1"}, order...)...)
	}
	build := buildOf(t, "FROM example.com/nano:1\nCOPY a.txt C:/app/\n", map[string]string{"a.txt": "a"})
	build.Platform = imagetest.Platform(t, "windows/amd64:10.0.20348.4294")
	_, err := engine.Docker(engine.Options{
		Address: imagetest.Docker(t), Store: openStore(t),
		Sources: sources{"example.com/nano:1": imagetest.WindowsBase(t, "10.0.20348.4294")},
	}).Assemble(t.Context(), build)
	wantError(t, err, "cannot store the layers of a Windows base")
}

// TestBadDockerfiles shows that errors name the cause with its line.
func TestBadDockerfiles(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		for _, c := range []struct {
			name, dockerfile string
			change           func(*images.BuildContext)
			want             []string
		}{
			{"no such file", "FROM scratch\n\nCOPY nothing /\n", nil, []string{"Dockerfile:3: COPY nothing /: \"/nothing\": not found"}},
			{"no such instruction", "FROM scratch\nCOPPY a b\n", nil, []string{"Dockerfile:2: ", "COPPY"}},
			{"no such base", "FROM scratch AS x\nFROM example.com/none:1\n", nil, []string{"Dockerfile:2: ", "example.com/none:1"}},
			{"no such target", "FROM scratch AS runtime\n", func(b *images.BuildContext) { b.Target = "runtim" }, []string{"runtim", "runtime"}},
			{"no such user", "FROM scratch\nCOPY --chown=nobody a.txt /\n", nil, []string{"Dockerfile:2: ", "nobody", "the user or group does not exist"}},
			{"a foreign frontend", "# syntax=example.com/frontend\nFROM scratch\n", nil, []string{"Dockerfile:1: ", "example.com/frontend"}},
			{"no such folder", "FROM scratch\n", func(b *images.BuildContext) { b.Dir += "/none" }, []string{"the build context", "none"}},
			{"no Dockerfile", "FROM scratch\n", func(b *images.BuildContext) { b.Dockerfile += ".none" }, []string{"reading the Dockerfile", "Dockerfile.none: " + syscall.ENOENT.Error()}},
			{"no program", "FROM scratch\nCOPY a.txt /\nRUN make\n", nil, []string{"Dockerfile:3: ", "/bin/sh"}},
			{"windows without a version", "FROM scratch\n", func(b *images.BuildContext) { b.Platform = v1.Platform{OS: "windows", Architecture: "amd64"} }, []string{"os.version"}},
			{"no platform", "FROM scratch\n", func(b *images.BuildContext) { b.Platform = v1.Platform{} }, []string{"platform"}},
			{"zstd in docker's types", "FROM scratch\n", func(b *images.BuildContext) {
				b.Format = images.Format{MediaTypes: "docker", Compression: images.Compression{Algorithm: "zstd"}}
			}, []string{"zstd", "oci"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				build := buildOf(t, c.dockerfile, map[string]string{"a.txt": "a"})
				if c.change != nil {
					c.change(&build)
				}
				_, err := start(t, engine.Options{Sources: sources{}}).Assemble(t.Context(), build)
				wantError(t, err, c.want...)
			})
		}
	})
}
