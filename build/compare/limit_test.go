package compare

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// limited compares two files with a limit.
func limited(t *testing.T, limit int64, first, second []byte) ([]Difference, error) {
	t.Helper()
	c, err := New(nil, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for file, content := range map[string][]byte{a: first, b: second} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c.Files(t.Context(), "x", a, b)
}

// sparseTar has one file with a hole of a size, as GNU tar writes it.
func sparseTar(size int64) []byte {
	h := make([]byte, 512)
	copy(h, "hole")
	copy(h[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00        S")
	copy(h[257:], "ustar  \x00")
	copy(h[386:], fmt.Sprintf("%011o\x00%011o\x00", size, 0))
	copy(h[483:], fmt.Sprintf("%011o\x00", size))
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, make([]byte, 1024)...)
}

func TestUnpackingIsLimited(t *testing.T) {
	large := func(last string) []byte { return []byte(strings.Repeat("x", 100_000) + last) }
	pack := func(last string) []byte {
		return gzipOf(t, 9, time.Time{}, tarOf(t, nil, "one="+string(large(last)), "two="+string(large("b"))))
	}
	zips := func(last string) []byte { return zipOf(t, nil, "one="+string(large(last))) }
	for _, c := range []struct {
		name          string
		first, second []byte
		needs         int64
	}{
		{"gzip", gzipOf(t, 9, time.Time{}, large("a")), gzipOf(t, 9, time.Time{}, large("b")), 201_000},
		{"tar.gz", pack("a"), pack("c"), 700_000},
		{"zip", zips("a"), zips("b"), 201_000},
		{"a sparse file", sparseTar(300_000), sparseTar(300_001), 1_300_000},
	} {
		if _, err := limited(t, c.needs/3, c.first, c.second); err == nil || !strings.Contains(err.Error(), "SLIPWAY_UNPACK_LIMIT changes it") {
			t.Errorf("%s: %v", c.name, err)
		}
		if found, err := limited(t, c.needs, c.first, c.second); err != nil || len(found) == 0 {
			t.Errorf("%s: %v, %v", c.name, found, err)
		}
	}
}

func TestHeadersAreLimited(t *testing.T) {
	defer func(n int) { maxHeaders = n }(maxHeaders)
	maxHeaders = 1000
	many := func(last string) []byte {
		var files []string
		for i := range 30 {
			files = append(files, fmt.Sprintf("a-file-with-a-name-of-a-few-characters-%d=", i))
		}
		return tarOf(t, nil, append(files, "z="+last)...)
	}
	found, err := limited(t, 0, many("1"), many("2"))
	if err != nil || len(found) != 1 || !strings.Contains(found[0].What, "1000 bytes in their headers") {
		t.Errorf("%v, %v", found, err)
	}
}

func TestDifferencesInDigestsAreCounted(t *testing.T) {
	digests := func(format, digit string) []byte {
		var out bytes.Buffer
		for i := range 500 {
			fmt.Fprintf(&out, format, i, strings.Repeat(digit, 64))
		}
		return out.Bytes()
	}
	for _, c := range []struct{ name, format, start, end, want string }{
		{"JSON", `,"k%d":"sha256:%s"`, `{"a":1`, "}", "490 more values differ in digests"},
		{"text", "line %d sha256:%s\n", "", "", "490 more lines differ in digests"},
	} {
		found, err := limited(t, 0, []byte(c.start+string(digests(c.format, "a"))+c.end), []byte(c.start+string(digests(c.format, "b"))+c.end))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != maxSaid+1 || found[maxSaid].What != c.want {
			t.Errorf("%s: %d differences, the last is %v", c.name, len(found), found[len(found)-1])
		}
	}
}

// Each list is encoded to compare the order of its values, with all lists within it.
func TestListsWithinListsAreLimited(t *testing.T) {
	nested := func(depth int, values string) []byte {
		return []byte(strings.Repeat("[", depth) + values + strings.Repeat("]", depth))
	}
	for depth, want := range map[int]string{maxLists: "the same values in another order", maxLists + 1: "[0][0] differs: 1 and 2"} {
		found, err := limited(t, 0, nested(depth, "1,2"), nested(depth, "2,1"))
		if err != nil || len(found) == 0 || !strings.Contains(found[0].What, want) {
			t.Errorf("%d lists: %v, %v", depth, found, err)
		}
	}
	long := func(value string) []byte {
		return []byte(`{"` + strings.Repeat("k", 1<<20) + `":{"a":` + value + `}}`)
	}
	if found, err := limited(t, 0, long("1"), long("2")); err != nil || len(found) != 1 || len(found[0].What) > 2*maxName {
		t.Errorf("a long name: %d differences, %v", len(found), err)
	}
}

// An index may list another one many times, and that a third one. This test does not end if each is read each time.
func TestIndexesAreReadOnce(t *testing.T) {
	name := func(i int) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064d", i)} }
	var entries []*entry
	for i := range 5 {
		list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
		for range 1000 {
			list.Manifests = append(list.Manifests, v1.Descriptor{MediaType: types.OCIImageIndex, Digest: name(i + 1)})
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		e := &entry{json: raw}
		if e.Name = "index.json"; i > 0 {
			e.Name = blobPath(name(i))
		}
		entries = append(entries, e)
	}
	identify(entries)
	if entries[3].id != "entry 1 entry 1 entry 1 index" {
		t.Errorf("the third has the id %q", entries[3].id)
	}
}

// An archive may list one config for many images. This test does not end if each image reads the config.
func TestConfigsAreReadOnce(t *testing.T) {
	const many = 30_000
	list := "[" + strings.Repeat(`{"Config":"c","RepoTags":["`+strings.Repeat("t", 5)+`"]},`, many) + `{"Config":"c"}]`
	config := `{"os":"linux","architecture":"arm64","x":"` + strings.Repeat("x", 2<<20) + `"}`
	entries := []*entry{{json: []byte(list)}, {json: []byte(config)}}
	entries[0].Name, entries[1].Name = "manifest.json", "c"
	identify(entries)
	if entries[1].id != "ttttt linux/arm64 config" {
		t.Errorf("the config has the id %q", entries[1].id)
	}
}

func TestDifferencesOfAPairAreCounted(t *testing.T) {
	many := func(mode os.FileMode) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for i := range maxKept + 5 {
			h := &zip.FileHeader{Name: fmt.Sprint(i)}
			h.SetMode(mode)
			if _, err := w.CreateHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	found, err := limited(t, 0, many(0o644), many(0o600))
	if err != nil || len(found) != maxKept+1 || found[maxKept].String() != "x: 5 more differences" {
		t.Errorf("%d differences, %v", len(found), err)
	}
}

// Members of one name are compared once, not each with all others.
func TestMembersOfOneNameAreComparedOnce(t *testing.T) {
	many := func(last string) []byte {
		var files []string
		for i := range 50 {
			files = append(files, fmt.Sprintf("name=%d", i))
		}
		return zipOf(t, nil, append(files, "name="+last)...)
	}
	found, err := limited(t, 0, many("first"), many("second"))
	if err != nil || len(found) != 1 || !strings.Contains(found[0].What, `"first" and "second"`) {
		t.Errorf("%v, %v", found, err)
	}
}

func TestSectionsAreLimited(t *testing.T) {
	p := &binaryFile{named: map[string]int{}}
	for range maxAllSections + 1 {
		p.add("same", 0, 0)
	}
	if err := p.check(); err == nil || p.sections[maxAllSections].name != "same (number 65537)" {
		t.Errorf("%v", err)
	}
}
