package load_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

func windows(version string) v1.Platform {
	return v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: version}
}

// archive packs images, and opens the archive.
func archive(t testing.TB, opts pack.Options, all ...pack.Image) *airgap.Archive {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	opts.Level = "fastest"
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, []pack.Output{{Path: path}}, opts); err != nil {
		t.Fatal(err)
	}
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestPlanSelectsThePlatform(t *testing.T) {
	linux := airgaptest.Simple(t, "acme/app:v1", "linux/amd64")
	old, recent := airgaptest.Simple(t, "acme/win:v1", "windows/amd64:10.0.17763.6293"), airgaptest.Simple(t, "acme/win:v1", "windows/amd64:10.0.20348.2700")
	for _, c := range []struct {
		name     string
		images   []pack.Image
		platform v1.Platform
		want     string // names and platforms, or
		err      string
	}{
		{"of a list for several systems", []pack.Image{linux, old, recent}, amd64, "docker.io/acme/app:v1 linux/amd64", ""},
		{"the build of a Windows node", []pack.Image{linux, old, recent}, windows("10.0.20348.2966"), "docker.io/acme/win:v1 windows/amd64/10.0.20348.2700", ""},
		{"another build", []pack.Image{linux, old, recent}, windows("10.0.26100.1"), "", "10.0.17763.6293"},
		{"another architecture", []pack.Image{linux}, v1.Platform{OS: "linux", Architecture: "arm64"}, "", "no image for platform linux/arm64: the archives have images for linux/amd64"},
		{"another build of the only image", []pack.Image{linux, old}, windows("10.0.26100.1"), "", "image docker.io/acme/win:v1: no image for platform"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var archives []*airgap.Archive
			for _, img := range c.images {
				archives = append(archives, archive(t, pack.Options{}, img))
			}
			list, err := load.Plan(t.Context(), archives, load.Options{Platform: c.platform})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != 1 || !strings.HasPrefix(c.want, list[0].Names[0]+" ") {
				t.Errorf("%d images, the first %v; want %s", len(list), list[0].Names, c.want)
			}
			if v := list[0].Packed.Platform.OSVersion; v != "" && !strings.HasSuffix(c.want, v) {
				t.Errorf("os.version %s; want %s", v, c.want)
			}
		})
	}
}

func TestPlanNamesImages(t *testing.T) {
	indexed := airgaptest.Indexed(t, "docker.io/acme/app:v1", false)
	original := archive(t, pack.Options{Layers: "original"}, indexed)
	plain := archive(t, pack.Options{}, airgaptest.Simple(t, "busybox:1.36", "linux/amd64"))
	list, err := load.Plan(t.Context(), []*airgap.Archive{original, plain}, load.Options{Platform: amd64, Registries: []string{"mirror.example.com:5000/hub/"}})
	if err != nil {
		t.Fatal(err)
	}
	app, busybox := list[0], list[len(list)-1]
	if want := []string{"docker.io/library/busybox:1.36", "mirror.example.com:5000/hub/library/busybox:1.36"}; !slices.Equal(busybox.Names, want) {
		t.Errorf("names %q, want %q", busybox.Names, want)
	}
	if names := busybox.Digests(); names != nil {
		t.Errorf("an image with plain layers has the names %q, which are not those of its registry", names)
	}
	if app.Index == nil || app.Target().Digest.String() != airgaptest.Registry(t, indexed) {
		t.Errorf("the target %v is not the index that the archive keeps", app.Target())
	}
	if want := "docker.io/acme/app@" + airgaptest.Registry(t, indexed); !slices.Contains(app.Digests(), want) {
		t.Errorf("names %q lack %s", app.Digests(), want)
	}
	for _, wrong := range []string{"mirror", "https://mirror.example.com", "mirror.example.com/UPPER"} {
		if _, err := load.Plan(t.Context(), []*airgap.Archive{plain}, load.Options{Platform: amd64, Registries: []string{wrong}}); err == nil {
			t.Errorf("registry %q: no error", wrong)
		}
	}
}

func TestPlanNamesInSeveralRegistries(t *testing.T) {
	a := archive(t, pack.Options{}, airgaptest.Simple(t, "busybox:1.36", "linux/amd64"))
	list, err := load.Plan(t.Context(), []*airgap.Archive{a}, load.Options{Platform: amd64, Registries: []string{"a.example.com/hub", "b.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"docker.io/library/busybox:1.36", "a.example.com/hub/library/busybox:1.36", "b.example.com/library/busybox:1.36"}
	if !slices.Equal(list[0].Names, want) {
		t.Errorf("names %q, want %q", list[0].Names, want)
	}
	images := airgaptest.Siblings(t, 2, 0)
	images[0].Names, images[1].Names = []name.Reference{airgaptest.Ref(t, "docker.io/acme/x:v1")}, []name.Reference{airgaptest.Ref(t, "quay.io/acme/x:v1")}
	_, err = load.Plan(t.Context(), []*airgap.Archive{archive(t, pack.Options{}, images...)}, load.Options{Platform: amd64, Registries: []string{"r.example.com"}})
	if want := "two images would be called r.example.com/acme/x:v1: docker.io/acme/x:v1 and quay.io/acme/x:v1"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// As in a search, the first of several archives is right.
func TestPlanTakesTheFirst(t *testing.T) {
	first, second := archive(t, pack.Options{}, airgaptest.Siblings(t, 1, 0)...), archive(t, pack.Options{}, airgaptest.Siblings(t, 1, 1)...)
	var warnings airgaptest.Warnings
	list, err := load.Plan(progress.With(t.Context(), &warnings), []*airgap.Archive{first, second}, load.Options{Platform: amd64})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Packed.Archive() != first {
		t.Errorf("%d images, the first of %s", len(list), list[0].Packed.Archive().Path())
	}
	if len(warnings.Said) != 1 || !strings.Contains(warnings.Said[0], "is another image in "+second.Path()) {
		t.Errorf("warnings %q", warnings.Said)
	}
}

func TestTrust(t *testing.T) {
	key := airgaptest.Key(t, 1)
	signed := archive(t, pack.Options{Layers: "original", Proof: &pack.Proof{Sign: proof.SignWith(key)}}, airgaptest.Indexed(t, "docker.io/acme/app:v1", false))
	unsigned := archive(t, pack.Options{}, airgaptest.Simple(t, "busybox:1.36", "linux/amd64"))
	trusting := func(seed byte) *policy.Policy {
		return policy.Vouched(policy.Signer{Name: "release", Keys: sign.Verifiers(airgaptest.Key(t, seed).PublicKey())})
	}
	plan := func(archives ...*airgap.Archive) []*load.Image {
		list, err := load.Plan(t.Context(), archives, load.Options{Platform: amd64, Registries: []string{"mirror.example.com"}})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	files := imagetest.Files{"app": "1"}.Entries()
	registries := archive(t, pack.Options{Proof: &pack.Proof{Sign: proof.SignWith(key)}},
		pack.Image{Names: []name.Reference{airgaptest.Ref(t, "docker.io/acme/app:v1")}, Image: imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, types.DockerLayer, files...))},
		pack.Image{Names: []name.Reference{airgaptest.Ref(t, "quay.io/acme/app:v1")}, Image: imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, types.OCILayer, files...))})
	if list := plan(registries); len(list) != 1 {
		t.Fatalf("%d images; want one that two registries have", len(list))
	}
	other := plan(signed)
	other[0].Packed.Names = append(other[0].Packed.Names, "docker.io/library/busybox:1.36")
	swapped := plan(signed)
	swapped[0].Packed.Manifest = plan(unsigned)[0].Packed.Manifest
	for _, c := range []struct {
		name string
		list []*load.Image
		seed byte
		want string
	}{
		{"signed", plan(signed), 1, ""},
		{"of two registries", plan(registries), 1, ""},
		{"another key", plan(signed), 2, "the signature does not match"},
		{"without proof", plan(signed, unsigned), 1, "it has no proof"},
		{"another name", other, 1, "does not give it the name docker.io/library/busybox:1.36"},
		{"another image", swapped, 1, "does not list the image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := load.Trust(t.Context(), c.list, trusting(c.seed))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
