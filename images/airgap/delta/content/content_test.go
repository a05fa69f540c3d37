package content

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

type file struct{ name, body string }

// layer returns a tar of files.
func layer(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.body)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// partsOf returns layers, one after another, and their parts.
func partsOf(layers ...[]byte) (content []byte, parts []Part) {
	for _, l := range layers {
		parts = append(parts, Part{Range: Range{int64(len(content)), int64(len(l))}, Layer: true})
		content = append(content, l...)
	}
	return content, parts
}

// plan returns the steps, and checks that they make all of NEW within the limits.
func plan(t testing.TB, old []byte, oldParts []Part, new []byte, newParts []Part) []Step {
	t.Helper()
	steps, err := Plan(t.Context(), bytes.NewReader(old), oldParts, bytes.NewReader(new), newParts)
	if err != nil {
		t.Fatal(err)
	}
	var at, from int64
	for i, s := range steps {
		from = 0
		for _, r := range s.Old {
			if r.At < 0 || r.Size <= 0 || r.end() > int64(len(old)) {
				t.Fatalf("step %d is made of %+v of %d bytes", i, r, len(old))
			}
			from += r.Size
		}
		if s.Size <= 0 || !s.Copy && (s.Size > MaxPatch || from > MaxOld) {
			t.Fatalf("step %d makes %d bytes of %d", i, s.Size, from)
		}
		if s.Copy && (len(s.Old) != 1 || !bytes.Equal(old[s.Old[0].At:s.Old[0].end()], new[at:at+s.Size])) {
			t.Fatalf("step %d copies other bytes", i)
		}
		at += s.Size
	}
	if at != int64(len(new)) {
		t.Fatalf("the steps make %d of %d bytes", at, len(new))
	}
	return steps
}

// A large file is paired with the one that it resembles, wherever that is.
func TestPartners(t *testing.T) {
	noise := func(seed uint64) string { return string(imagetest.Noise(seed, 600_000)) }
	changed := func(s string) string {
		b := []byte(s)
		for i := 0; i < len(b); i += 5000 {
			b[i]++
		}
		return string(b)
	}
	old, oldParts := partsOf(
		layer(t, file{"bin/a", noise(1)}, file{"bin/b", noise(2)}, file{"etc/x", "x"}),
		layer(t, file{"bin/c", noise(3)}, file{"bin/a", noise(4)}))
	offset := func(seed uint64) int64 { return int64(bytes.Index(old, []byte(noise(seed)))) }
	for name, c := range map[string]struct {
		file file
		want int64
		copy bool
	}{
		"equal":                               {file{"bin/b", noise(2)}, offset(2), true},
		"equal under another path":            {file{"sbin/new", noise(3)}, offset(3), true},
		"the same path":                       {file{"bin/c", changed(noise(3))}, offset(3), false},
		"the same path, and nothing alike":    {file{"bin/b", noise(99)}, offset(2), false},
		"another path":                        {file{"usr/bin/moved", changed(noise(2))}, offset(2), false},
		"the path of two":                     {file{"bin/a", changed(noise(4))}, offset(4), false},
		"the path of one, and like another's": {file{"bin/c", changed(noise(1))}, offset(1), false},
		"nothing alike":                       {file{"bin/new", noise(98)}, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			new, newParts := partsOf(layer(t, c.file, file{"etc/x", "y"}))
			steps := plan(t, old, oldParts, new, newParts)
			i := slices.IndexFunc(steps, func(s Step) bool { return s.Size == int64(len(c.file.body)) })
			if i < 0 {
				t.Fatalf("no step has the size of the file: %+v", steps)
			}
			got := int64(-1)
			if len(steps[i].Old) == 1 {
				got = steps[i].Old[0].At
			}
			if got != c.want || steps[i].Copy != c.copy {
				t.Errorf("got %d, copied: %t, want %d, %t", got, steps[i].Copy, c.want, c.copy)
			}
		})
	}
}

// Small files share patches.
func TestSmallFilesShareAPatch(t *testing.T) {
	files := func(version int) (all []file) {
		for i := range 5000 {
			body := fmt.Sprint("file ", i)
			if i%10 == 0 {
				body += fmt.Sprint(" of version ", version)
			}
			all = append(all, file{fmt.Sprint("usr/lib/", i), body})
		}
		return all
	}
	old, oldParts := partsOf(layer(t, files(1)...))
	new, newParts := partsOf(layer(t, files(2)...))
	if steps := plan(t, old, oldParts, new, newParts); len(steps) != 1 || len(steps[0].Old) > 10 {
		t.Errorf("%d steps, the first one of %d ranges", len(steps), len(steps[0].Old))
	}
}

// Files over the limit of a patch are made in pieces of the same places.
func TestLargeFiles(t *testing.T) {
	body := make([]byte, MaxPatch+20<<20)
	copy(body, "old")
	old, oldParts := partsOf(layer(t, file{"bin/large", string(body)}))
	copy(body, "new")
	new, newParts := partsOf(layer(t, file{"bin/large", string(body)}))
	patches := 0
	for _, s := range plan(t, old, oldParts, new, newParts) {
		if s.Size > 1<<20 {
			patches++
			if len(s.Old) != 1 || s.Old[0].Size < s.Size {
				t.Errorf("%d bytes are made of %+v", s.Size, s.Old)
			}
		}
	}
	if patches != 2 {
		t.Errorf("%d patches", patches)
	}
}

// The patches of a large file read its partner about once, whatever the sizes of both.
func TestPatchesOfLargeFilesReadOldOnce(t *testing.T) {
	for _, sizes := range [][2]int64{{MaxPatch + 1, MaxPatch + 1}, {10 << 30, 10 << 30}, {1 << 30, 100 << 30}, {100 << 30, 1 << 30}} {
		p := &planner{}
		p.large(&member{body: Range{0, sizes[0]}}, &member{body: Range{0, sizes[1]}})
		var from int64
		for _, s := range p.steps {
			for _, r := range s.Old {
				from += r.Size
			}
		}
		if limit := min(sizes[0], sizes[1])/MaxPatch*MaxOld + MaxOld; from > limit {
			t.Errorf("%d bytes made of %d: patches read %d bytes, over %d", sizes[0], sizes[1], from, limit)
		}
	}
}

// Parts that are damaged, or are no tars, are made too.
func TestAnyParts(t *testing.T) {
	good := layer(t, file{"a", imagetest.Words(1, 3000)}, file{"b", imagetest.Words(2, 3000)})
	damaged := slices.Clone(good)
	copy(damaged[3584+100:], "damaged")
	all := slices.Concat(good, damaged, imagetest.Noise(1, 5000), []byte{1, 2, 3})
	parts := []Part{
		{Range: Range{0, int64(len(good))}, Layer: true},
		{Range: Range{int64(len(good)), int64(len(good))}, Layer: true},
		{Range: Range{int64(2 * len(good)), 5000}},
		{Range: Range{int64(2*len(good)) + 5000, 3}},
	}
	plan(t, all, parts, all, parts)
	plan(t, nil, nil, all, parts)
	parts[0].Copy = &Range{0, int64(len(good))}
	if steps := plan(t, all, parts[1:], all, parts); !steps[0].Copy {
		t.Errorf("the first part is not copied: %+v", steps[0])
	}
}

// FuzzPlan plans layers of any bytes.
func FuzzPlan(f *testing.F) {
	good := layer(f, file{"a", imagetest.Words(1, 3000)}, file{"b", "b"})
	f.Add(good, layer(f, file{"a", imagetest.Words(1, 2900)}))
	f.Add(good, good[:1000])
	f.Fuzz(func(t *testing.T, old, new []byte) {
		if len(new) == 0 {
			return
		}
		oldContent, oldParts := partsOf(old)
		newContent, newParts := partsOf(new)
		plan(t, oldContent, oldParts, newContent, newParts)
	})
}
