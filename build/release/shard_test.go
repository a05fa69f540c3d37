package release

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Any number of shards, made on machines of their own and merged, has the bytes of one machine. One that is lost is made
// again alone.
func TestShardsEqualTheReleaseOfOneMachine(t *testing.T) {
	imagetest.Program(t, "go")
	r := makeRelease(t)
	r.run("package")
	want := read(t, filepath.Join(r.dir, "dist"))
	for _, of := range []int{2, 5, 30} { // of 30, most are empty
		t.Run(fmt.Sprint(of), func(t *testing.T) {
			var dirs []string
			for n := 1; n <= of; n++ {
				dirs = append(dirs, filepath.Join(t.TempDir(), fmt.Sprint("dist-", n)))
				r.shard(dirs[n-1], plan.Shard{Number: n, Of: of})
			}
			merged := into(filepath.Join(t.TempDir(), "merged"), func(o *Options) { o.Cache = t.TempDir() })
			// The merge of all but one is not complete, and the one completes it.
			for _, part := range [][]string{slices.Delete(slices.Clone(dirs), 1, 2), dirs[1:2]} {
				b := r.open(merged)
				if err := b.Merge(t.Context(), part); err != nil {
					t.Fatal(err)
				}
				b.Close()
			}
			b := r.open(merged)
			defer b.Close()
			got := read(t, b.path("dist"))
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Fatalf("the files (-want +got):\n%s", diff)
			}
			for name := range want {
				if want[name] != got[name] {
					t.Errorf("%s differs: %.80q, want %.80q", name, got[name], want[name])
				}
			}
			if diff := cmp.Diff(tags(t, filepath.Join(r.dir, "dist", "oci")), tags(t, b.path("dist/oci"))); diff != "" {
				t.Errorf("dist/oci (-want +got):\n%s", diff)
			}
			if err := b.Verify(t.Context()); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

// shard packages a shard into a folder.
func (r *testRelease) shard(dir string, shard plan.Shard) { r.shardOn(dir, shard) }

// shardOn is shard on another machine.
func (r *testRelease) shardOn(dir string, shard plan.Shard, machine ...func(*Options)) {
	r.t.Helper()
	s, err := plan.Select("package", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	s.Shard = shard
	b := r.open(into(dir, machine...))
	defer b.Close()
	if s, err = b.Target(s); err != nil {
		r.t.Fatal(err)
	}
	if err := b.Run(r.t.Context(), s); err != nil {
		r.t.Fatalf("shard %s: %v", shard, err)
	}
}
