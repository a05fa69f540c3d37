package delta

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
)

// release returns images. One layer, of the given size, depends on seed.
func release(t testing.TB, seed uint64, size int) []pack.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": imagetest.Words(1, 900_000)})
	all := []pack.Image{{Names: []name.Reference{airgaptest.Ref(t, "rancher/runtime:v1")}, Own: true,
		Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/slipway": string(imagetest.Noise(seed, size))}))}}
	for i := range 12 {
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("quay.io/a/b%d:v2", i))},
			Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{fmt.Sprint("bin/", i): string(imagetest.Noise(100+uint64(i), 80_000*(i%3)+10))}))})
	}
	return all
}

func write(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// roundTrip writes a delta and applies it. It returns the path of the delta.
func roundTrip(t testing.TB, old, new string) (string, Result) {
	t.Helper()
	return roundTripOf(t, []string{old}, new)
}

// roundTripOf writes a delta of several files OLD, and applies it to them in another order.
func roundTripOf(t testing.TB, old []string, new string) (string, Result) {
	t.Helper()
	delta := filepath.Join(t.TempDir(), "delta")
	made, err := Write(t.Context(), Olds{Files: old}, new, delta, Options{})
	if err != nil {
		t.Fatal(err)
	}
	reversed := slices.Clone(old)
	slices.Reverse(reversed)
	out := filepath.Join(t.TempDir(), "new")
	applied, err := Apply(t.Context(), Olds{Files: reversed}, delta, out, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, applied); diff != "" {
		t.Errorf("the results of Diff and Apply differ (-Diff +Apply):\n%s", diff)
	}
	if !bytes.Equal(read(t, out), read(t, new)) {
		t.Error("Apply made a different file")
	}
	if info, err := os.Stat(delta); err != nil || info.Size() != made.Size {
		t.Errorf("the result says that the delta has %d bytes: %v, %v", made.Size, info.Size(), err)
	}
	for _, path := range []string{delta, out} {
		if files := airgaptest.FilesIn(t, filepath.Dir(path)); len(files) != 1 {
			t.Errorf("other files remain: %q", files)
		}
	}
	return delta, made
}

// The delta of a release with one changed layer is as large as that layer.
func TestDeltaIsAsLargeAsTheChangedLayer(t *testing.T) {
	const size = 1_500_000
	for _, layers := range []string{"uncompressed", "original"} {
		content := airgaptest.NewStore(t)
		opts := pack.Options{Layers: images.ArchiveLayers(layers), Level: "fastest"}
		old, new := airgaptest.Pack(t, content, release(t, 1, size), opts), airgaptest.Pack(t, content, release(t, 2, size), opts)
		for codec := range old {
			t.Run(layers+" "+string(codec), func(t *testing.T) {
				_, made := roundTrip(t, old[codec], new[codec])
				// Besides the layer: the views, configs and manifests, and the index.
				if limit := int64(size*1.01) + 16<<10; made.Size > limit {
					t.Errorf("the delta has %d bytes, over %d: %d bytes of NEW are added", made.Size, limit, made.Added)
				}
				if made.Copied+made.Made+made.Added != made.New.Size {
					t.Errorf("%d copied, %d made and %d added bytes are not the %d of NEW", made.Copied, made.Made, made.Added, made.New.Size)
				}
			})
		}
	}
}

// Equal content in two archives of one release, in the order of a tar of another program, is found
// wherever it is.
// A delta of archives with a proof gives the new archive with its proof.
func TestDeltaOfProvenArchives(t *testing.T) {
	signed := func(seed uint64) string {
		all := release(t, seed, 100_000)
		all[0].Proof = airgaptest.SBOM()
		return airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Proof: &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, 1))}})[format.Zstd]
	}
	before, after := signed(1), signed(2)
	file, made := filepath.Join(t.TempDir(), "delta"), filepath.Join(t.TempDir(), "images.tar.zst")
	if _, err := Write(t.Context(), Olds{Files: []string{before}}, after, file, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{before}}, file, made, 0); err != nil {
		t.Fatal(err)
	}
	trusted := policy.Vouched(policy.Signer{Name: "release", Keys: sign.Verifiers(airgaptest.Key(t, 1).PublicKey())})
	r, err := verify.Archive(t.Context(), made, verify.Options{Policy: trusted})
	if err != nil || len(r.Problems) > 0 || len(r.Proof.SignedBy) != 1 {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestDeltaOfForeignArchives(t *testing.T) {
	old := airgaptest.NewWorkshop(t, release(t, 1, 300_000)...)
	new := airgaptest.NewWorkshop(t, release(t, 2, 300_000)...)
	slices.Reverse(new.Names)
	_, made := roundTrip(t, write(t, old.Tar()), write(t, new.Tar()))
	if limit := int64(400_000); made.Size > limit {
		t.Errorf("the delta has %d bytes, over %d", made.Size, limit)
	}
}

func TestDeltaOfAnyFiles(t *testing.T) {
	base := imagetest.Noise(1, 700_000)
	for _, c := range []struct {
		name     string
		old, new []byte
		most     int64 // bytes that are added
	}{
		{"both empty", nil, nil, 0},
		{"OLD empty", nil, base, 700_000},
		{"NEW empty", base, nil, 0},
		{"the same", base, base, 0},
		{"bytes before", base, slices.Concat([]byte("before"), base), 6},
		{"bytes behind", base, slices.Concat(base, []byte("behind")), 6},
		{"bytes between", base, slices.Concat(base[:400_000], []byte("between"), base[400_000:]), 7},
		{"bytes away", base, slices.Concat(base[:200_000], base[200_100:]), 0},
		{"one byte other", base, slices.Concat(base[:333_333], []byte{base[333_333] ^ 1}, base[333_334:]), 1},
		{"halves swapped", base, slices.Concat(base[350_000:], base[:350_000]), 0},
		{"three times", base, slices.Concat(base, base, base), 0},
		{"nothing in common", base, imagetest.Noise(2, 700_000), 700_000},
		{"zeros", make([]byte, 3_000_000), slices.Concat([]byte("x"), make([]byte, 2_000_000), []byte("y")), 1 << 20},
		{"a few bytes", []byte("old"), []byte("new"), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, made := roundTrip(t, write(t, c.old), write(t, c.new))
			if made.Added > c.most {
				t.Errorf("%d bytes are added; %d are enough", made.Added, c.most)
			}
		})
	}
}

func TestDiffDependsOnTheFilesAlone(t *testing.T) {
	content := airgaptest.NewStore(t)
	old, new := airgaptest.Pack(t, content, release(t, 1, 100_000), pack.Options{Level: "fastest"}), airgaptest.Pack(t, content, release(t, 2, 100_000), pack.Options{Level: "fastest"})
	for codec := range old {
		first, _ := roundTrip(t, old[codec], new[codec])
		second, _ := roundTrip(t, old[codec], new[codec])
		if !bytes.Equal(read(t, first), read(t, second)) {
			t.Errorf("%s: two deltas differ", codec)
		}
	}
}

// Split files are compared and patched in their parts, and NEW may replace OLD.
func TestDeltaOfParts(t *testing.T) {
	content := airgaptest.NewStore(t)
	dir := t.TempDir()
	old, new := filepath.Join(dir, "old.tar.zst"), filepath.Join(dir, "new.tar.zst")
	for seed, path := range map[uint64]string{1: old, 2: new} {
		if _, err := pack.Write(t.Context(), content, release(t, seed, 100_000), []pack.Output{{Path: path, Split: 200_000}}, pack.Options{Level: "fastest"}); err != nil {
			t.Fatal(err)
		}
	}
	delta := filepath.Join(t.TempDir(), "delta")
	if _, err := Write(t.Context(), Olds{Files: []string{old}}, format.PartPath(new, 1), delta, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, delta, old, 0); err != nil {
		t.Fatal(err)
	}
	w, err := format.OpenFile(new)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want, err := io.ReadAll(io.NewSectionReader(w, 0, w.Size()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, old), want) {
		t.Error("Apply made a different file")
	}
	if numbers, err := format.PartsOf(old); err != nil || len(numbers) > 0 {
		t.Errorf("parts %v of OLD remain: %v", numbers, err)
	}
}

func TestApplyWritesParts(t *testing.T) {
	base := imagetest.Noise(1, 700_000)
	want := append([]byte("new"), base...)
	old, file, made := write(t, base), filepath.Join(t.TempDir(), "delta"), filepath.Join(t.TempDir(), "new.tar")
	if _, err := Write(t.Context(), Olds{Files: []string{old}}, write(t, want), file, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, file, made, 300_000); err != nil {
		t.Fatal(err)
	}
	part := func(n int) string { return string(read(t, format.PartPath(made, n))) }
	parts := []string{part(1), part(2), part(3)}
	if len(parts[0]) != 300_000 || len(parts[1]) != 300_000 || strings.Join(parts, "") != string(want) {
		t.Error("the parts joined are another file")
	}
	if sums := string(read(t, made+format.ChecksumsSuffix)); !strings.Contains(sums, fmt.Sprintf("%x  new.tar\n", sha256.Sum256(want))) {
		t.Errorf("the digests are\n%s", sums)
	}
	if got := airgaptest.FilesIn(t, filepath.Dir(made)); len(got) != 4 {
		t.Errorf("the files are %q", got)
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, file, made, 10); err == nil || !strings.Contains(err.Error(), "at most 999 are written") {
		t.Errorf("got %v", err)
	}
}
