//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/imagetest"
)

// Three shards with two BuildKit workers publish the release of this repository that one machine publishes without an
// engine, although a shard and a worker are killed. Each shard, the shard that runs again, and the job that merges have a
// machine of their own. They share the repository, a registry and a bucket of S3; and the caches of the go command, without
// which each compiles for minutes.
func TestThreeShardsPublishTheReleaseOfOneMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("makes the release of this repository twice")
	}
	imagetest.Program(t, "go")
	imagetest.Program(t, "git")
	bucket := newBucket(t)
	t.Setenv("AWS_CA_BUNDLE", bucket.certificate) // of the workers, which keep their own caches in it
	first, second := imagetest.StartBuildkit(t), imagetest.StartBuildkit(t)
	wire := imagetest.WireTo(t, first.Address)
	f := newFarm(t, bucket, wire.Address, second.Address)

	one := f.machine("one machine", nil)
	one.slipway("package")
	one.slipway("publish")
	wantFiles, wantTags := sums(t, one.dist()), imagetest.Tags(t, f.hub)
	if len(wantFiles) < 40 || len(wantTags) < 9 {
		t.Fatalf("one machine has made %d files and published %d tags", len(wantFiles), len(wantTags))
	}
	f.newRegistry()

	// The first worker is lost while it receives a program of 40 MB.
	wire.After(1<<20, first.Kill)
	shared := f.shared()
	shards := []*machine{f.machine("1/3", shared), f.machine("2/3", shared), f.machine("3/3", shared)}
	lost, again := shards[1], f.machine("2/3", shared)
	var group errgroup.Group
	for i, m := range shards {
		group.Go(func() error {
			if m == lost { // its runner fails while it makes archives, and the job runs again on another
				if err := m.killAt("compress ", "package", "--shard", m.name); err != nil {
					return err
				}
				m, shards[i] = again, again
			}
			return m.run("package", "--shard", m.name)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	said := lost.said.String()
	for i, m := range shards {
		said += m.said.String()
		bucket.upload(m.dist(), strings.ReplaceAll(m.name, "/", "-of-"))
		if entries := sums(t, m.dist()); len(entries) >= len(wantFiles) {
			t.Errorf("shard %d has made all %d files", i+1, len(entries))
		}
	}
	if !strings.Contains(said, "lost the connection to the engine") || !strings.Contains(said, "building it again with BuildKit at "+second.Address) {
		t.Errorf("no shard has lost its worker:\n%s", said)
	}
	if strings.Contains(said, "failed to check file presence in cache") {
		t.Errorf("a worker cannot write its cache in the bucket:\n%s", said)
	}

	last := f.machine("merge", nil)
	dirs := []string{"merge"}
	for _, m := range shards {
		name := strings.ReplaceAll(m.name, "/", "-of-")
		dirs = append(dirs, filepath.Join(last.home, name))
		bucket.download(name, dirs[len(dirs)-1])
	}
	last.slipway(dirs...)
	last.slipway("verify")
	last.slipway("publish")
	if diff := cmp.Diff(wantFiles, sums(t, last.dist())); diff != "" {
		t.Errorf("the files (-one machine +three shards):\n%s", diff)
	}
	if diff := cmp.Diff(wantTags, imagetest.Tags(t, f.hub)); diff != "" {
		t.Errorf("the tags (-one machine +three shards):\n%s", diff)
	}
}
