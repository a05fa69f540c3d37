package images

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ParseReference reads an image reference as Docker does: busybox,
// rancher/x:v1, registry:5000/a/b@sha256:…; without a tag it is :latest.
func ParseReference(s string) (name.Reference, error) {
	// As name.ParseReference does it, which forgets the reason.
	var (
		ref name.Reference
		err error
	)
	if strings.Contains(s, "@") {
		ref, err = name.NewDigest(s)
	} else {
		ref, err = name.NewTag(s)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no image reference: %w", s, err)
	}
	return ref, nil
}

// Qualified spells ref in full as containerd, Kubernetes and CRI look it up:
// docker.io/library/busybox:1. go-containerregistry itself says index.docker.io,
// under which no node finds an image (hauler#746).
func Qualified(ref name.Reference) string {
	s := ref.Name()
	if rest, ok := strings.CutPrefix(s, name.DefaultRegistry+"/"); ok {
		return "docker.io/" + rest
	}
	return s
}

// Familiar spells ref as a person does and as docker save writes RepoTags:
// docker.io/ and library/ are left out, other registries are kept.
func Familiar(ref name.Reference) string {
	s := Qualified(ref)
	if rest, ok := strings.CutPrefix(s, "docker.io/"); ok {
		return strings.TrimPrefix(rest, "library/")
	}
	return s
}
