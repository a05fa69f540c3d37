package lock

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestALockIsReadAsItWasWritten(t *testing.T) {
	a, b := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)}
	path := filepath.Join(t.TempDir(), FileName)
	content := string(Format(map[string]v1.Hash{"docker.io/library/busybox:1": b, "a.example/x:v1": a}))
	want := "# Written by slipway lock. Do not edit.\na.example/x:v1 " + a.String() + "\ndocker.io/library/busybox:1 " + b.String() + "\n"
	if content != want {
		t.Errorf("written:\n%swant:\n%s", content, want)
	}
	testfile.Write(t, path, content)
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	digest, at, err := f.Pin(tag)
	if err != nil || digest.DigestStr() != b.String() || at != path+":3" {
		t.Errorf("%s, %s, %v", digest, at, err)
	}
	if _, _, err := f.Pin(tag.Context().Tag("2")); err == nil || err.Error() != "busybox:2 is not in "+path+": run slipway lock" {
		t.Errorf("a tag that is not locked: %v", err)
	}
	unused := f.Unused(map[string]bool{"docker.io/library/busybox:1": true})
	if len(unused) != 1 || unused[0].Error() != path+":2: a.example/x:v1 is not used any more: run slipway lock" {
		t.Errorf("unused: %v", unused)
	}
}

func TestMistakesInALockAreReportedTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	digest := "sha256:" + strings.Repeat("a", 64)
	testfile.Write(t, path, "busybox:1 "+digest+"\nbusybox:2\ndocker.io/library/busybox:1 "+digest+"\nA:1 "+digest+"\nbusybox:3 sha256:12\n<<<<<<< HEAD\n")
	_, err := Read(path)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{":2: want a reference and its digest", ":3: duplicate docker.io/library/busybox:1: line 1 has it", ":4: ", ":5: \"sha256:12\" is not a digest", ":6: "} {
		if !strings.Contains(err.Error(), path+want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
}
