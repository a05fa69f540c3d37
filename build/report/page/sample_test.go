package page

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images/airgap/cost"
)

// large returns the report of a release that three shards made, with that many tasks in all.
func large(t testing.TB, tasks int) *report.Document {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 13))
	digest := func() string { return fmt.Sprintf("sha256:%016x%s", random.Uint64(), strings.Repeat("0", 48)) }
	platforms := []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.20348.4294"}
	names := []string{"kube-apiserver", "kubelet", "containerd", "runc", "etcd", "coredns", "cni-plugins", "metrics-server", "ingress-nginx", "snapshot-controller"}
	r := &report.Document{Project: "acme-k8s", Release: version.Release{Version: "v1.34.2+acme1", Tag: "v1.34.2-acme1", Commit: "5e1e5d15c0ffee00"}, Made: []release.Made{},
		Images: []report.SizedImage{}, Archives: []report.SizedArchive{}, Shared: []report.SharedLayer{}, Packages: []report.Software{}, Notes: []string{}}
	base := report.SizedLayer{DiffID: digest(), Size: 29_000_000}
	for i, at := range platforms {
		p := platform(t, at)
		os := strings.NewReplacer("/", "-", ":10.0.20348.4294", "").Replace(at)
		archive := report.SizedArchive{Name: "core", Platform: p, Path: "dist/artifacts/acme-images." + os + ".tar.zst", Rest: 40_000}
		for j, name := range names {
			size := int64(2_000_000 + random.IntN(70_000_000)/(j+1))
			r.Made = append(r.Made, release.Made{Kind: "binary", Name: name, Platform: p, Path: "dist/bin/" + os + "/" + name, Digest: digest(), Size: size})
			layer := base
			layer.Elsewhere = j > 0
			image := report.SizedImage{Image: "acme/" + name + ":v1.34.2-acme1", Platform: p, Digest: digest(), Size: size, Layers: []report.SizedLayer{layer, {DiffID: digest(), Size: size}}}
			archive.Images, archive.Size = append(archive.Images, image), archive.Size+size
			r.Made = append(r.Made, release.Made{Kind: "image", Name: name, Platform: p, Ref: "docker.io/acme/" + name + ":v1.34.2-acme1-" + os, Digest: image.Digest, Size: size + base.Size})
			if i == 0 {
				r.Images = append(r.Images, image)
			}
		}
		r.Made = append(r.Made, release.Made{Kind: "archive", Name: "core", Platform: p, Path: archive.Path, Digest: digest(), Size: archive.Size})
		r.Archives = append(r.Archives, archive)
		r.Runs = append(r.Runs, shard(r, i, tasks/len(platforms), names, at, random))
	}
	amd64 := platform(t, "linux/amd64")
	r.Changes = &report.Changes{With: "v1.34.1.html", Earlier: version.Release{Version: "v1.34.1+acme1"},
		Updates: []report.UpdateCost{{Name: "acme-images.linux-amd64.tar.zst", Sizes: cost.Sizes{Archive: r.Archives[0].Size, Delta: 14_600_000, Portable: 17_900_000, Pull: 61_200_000}}},
		Images: []report.ImageChange{{Status: report.Changed, Platform: amd64, Old: "acme/etcd:v1.34.1-acme1", New: "acme/etcd:v1.34.2-acme1", OldSize: 60_100_000, Size: 61_200_000},
			{Status: report.Added, Platform: amd64, New: "acme/snapshot-controller:v1.34.2-acme1", Size: 22_000_000}},
		Packages:  []report.PackageChange{{Name: "deb/debian/openssl", Old: []string{"3.0.17-1"}, New: []string{"3.0.18-1"}}, {Name: "golang/golang.org/x/net", Old: []string{"v0.45.0"}, New: []string{"v0.46.0"}}},
		Artifacts: []report.ArtifactChange{{Status: report.Changed, Kind: "binary", Name: "etcd", Platform: amd64, Where: "dist/bin/linux-amd64/etcd", OldSize: 30_100_000, Size: 31_200_000}}}
	r.Shared = []report.SharedLayer{{DiffID: base.DiffID, Size: base.Size, Images: []string{"acme/containerd:v1.34.2-acme1", "acme/coredns:v1.34.2-acme1", "acme/etcd:v1.34.2-acme1", "acme/kubelet:v1.34.2-acme1", "acme/runc:v1.34.2-acme1"},
		Archives: []string{"core for linux/amd64", "core for linux/arm64"}, Saved: 18 * base.Size}}
	return r
}

// shard returns the record of one of three runs at the same time.
func shard(r *report.Document, number, tasks int, names []string, platform string, random *rand.Rand) *record.Record {
	run := &record.Record{Format: 1, Command: "slipway package", Slipway: "v1.2.3", Project: r.Project, Release: r.Release, Shard: fmt.Sprintf("%d/3", number+1),
		Machine: record.Machine{OS: "linux", Arch: "amd64", Cores: 4, Name: fmt.Sprintf("runner-%d", number+1)},
		Started: time.Date(2026, 11, 28, 9, 0, number*4, 0, time.UTC), Warnings: []string{}}
	free := make([]float64, 4)
	verbs := []struct{ word, kind string }{{"compile", "binary"}, {"build", "image"}, {"compress layers of", "archive"}, {"bundle", "bundle"}}
	for i := range tasks {
		lane := 0
		for l := range free {
			if free[l] < free[lane] {
				lane = l
			}
		}
		verb, name := verbs[min(i*4/max(tasks, 1), 3)], names[i%len(names)]
		took := 0.5 + 6*random.ExpFloat64()*100/float64(tasks)
		task := record.Task{Name: fmt.Sprintf("%s %s for %s", verb.word, name, platform), Steps: []string{verb.kind + " " + name + "@" + platform}, Lane: lane,
			Start: free[lane], End: free[lane] + took, Bytes: int64(random.IntN(50_000_000))}
		if random.IntN(3) == 0 {
			task.Cached, task.End = true, task.Start+took/8
			if random.IntN(2) == 0 {
				task.From = "type=registry,ref=registry.example.com/cache"
			}
		}
		if lane == 3 && verb.kind == "image" {
			task.Worker = "tcp://10.0.0.7:1234"
		}
		free[lane] = task.End
		run.Seconds = max(run.Seconds, task.End)
		run.Tasks = append(run.Tasks, task)
	}
	for i, name := range names {
		s := record.Step{Kind: "binary", Target: name + "@" + platform, State: record.UpToDate}
		if i%3 == 0 {
			s.State, s.Reasons = record.Made, []why.Change{{Kind: "module", Name: "golang.org/x/net", Old: "v0.45.0", New: "v0.46.0"}, {Kind: "file", Name: "go.sum", Old: "sha256:" + strings.Repeat("a", 64), New: "sha256:" + strings.Repeat("b", 64)}}
		}
		run.Steps = append(run.Steps, s)
	}
	if number == 2 {
		run.Warnings = []string{"slipway.yaml:12: the list windows has no image for windows/amd64"}
	}
	return run
}

func BenchmarkReport(b *testing.B) {
	r := large(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(write(b, r))), "page-bytes")
	}
}
