package images

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/dockerhub"
)

// maxReference is the maximum length of a reference, in bytes. Docker's grammar allows less: a
// path of 255, a tag of 128, and a host and a digest.
const maxReference = 1024

// ParseReference parses an image reference as Docker does: busybox, rancher/x:v1,
// registry:5000/a/b@sha256:…; without a tag it is :latest. The grammar is that of
// github.com/distribution/reference, since go-containerregistry rejects repositories of one
// letter.
func ParseReference(s string) (name.Reference, error) {
	if len(s) > maxReference {
		return nil, fmt.Errorf("%q… is not an image reference: it has %d bytes, more than the maximum of %d", s[:60], len(s), maxReference)
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image reference: %w", s, explain(s, err))
	}
	var ref name.Reference
	if strings.Contains(s, "@") {
		ref, err = name.NewDigest(s)
	} else {
		ref, err = name.NewTag(s)
	}
	if err != nil && len(strings.TrimPrefix(reference.Path(named), "library/")) == 1 {
		ref, err = shortNamed(named)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is not an image reference: %w", s, err)
	}
	return ref, nil
}

// explain describes common mistakes better than "invalid reference format" does.
func explain(s string, err error) error {
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return fmt.Errorf("write it without %s://", scheme)
	}
	if i := strings.IndexAny(s, " \t\"',;"); i >= 0 {
		return fmt.Errorf("it contains %q", s[i])
	}
	return err
}

// TrimTransport removes the prefix of registry references in other tools: docker:// (skopeo,
// podman) or docker-image:// (BuildKit).
func TrimTransport(s string) string {
	if rest, ok := strings.CutPrefix(s, "docker://"); ok {
		return rest
	}
	return strings.TrimPrefix(s, "docker-image://")
}

// shortNamed returns the reference of a repository of one letter.
func shortNamed(named reference.Named) (name.Reference, error) {
	repository, err := repositoryOf(named)
	if err != nil {
		return nil, err
	}
	if d, ok := named.(reference.Digested); ok {
		return repository.Digest(d.Digest().String()), nil
	}
	tag := reference.TagNameOnly(named).(reference.Tagged)
	return repository.Tag(tag.Tag()), nil
}

func repositoryOf(named reference.Named) (name.Repository, error) {
	registry, err := name.NewRegistry(reference.Domain(named))
	return registry.Repo(reference.Path(named)), err
}

// ParseTag is ParseReference for a reference without a digest.
func ParseTag(s string) (name.Tag, error) {
	ref, err := ParseReference(s)
	if err != nil {
		return name.Tag{}, err
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return name.Tag{}, fmt.Errorf("%q has a digest; want a tag", s)
	}
	return tag, nil
}

// HasTag reports whether a reference contains a tag. The default :latest does not count.
func HasTag(s string) bool {
	if len(s) > maxReference {
		return false
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return false
	}
	_, ok := named.(reference.Tagged)
	return ok
}

// Qualified returns ref in the full form by which containerd, Kubernetes and CRI find images, such
// as docker.io/library/busybox:1. go-containerregistry writes index.docker.io instead, under which
// no node finds an image (hauler#746).
func Qualified(ref name.Reference) string {
	s := ref.Name()
	if rest, ok := strings.CutPrefix(s, name.DefaultRegistry+"/"); ok {
		return dockerhub.Name + "/" + rest
	}
	return s
}

// RegistryName returns the name of a registry as users and docker login write it: docker.io for
// Docker Hub.
func RegistryName(r name.Registry) string {
	if r.RegistryStr() == name.DefaultRegistry {
		return dockerhub.Name
	}
	return r.RegistryStr()
}

// Familiar returns ref as users and docker save write it: without docker.io/ and library/, but
// with other registries.
func Familiar(ref name.Reference) string {
	s := Qualified(ref)
	if rest, ok := strings.CutPrefix(s, dockerhub.Name+"/"); ok {
		return strings.TrimPrefix(rest, "library/")
	}
	return s
}
