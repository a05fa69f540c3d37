package cache

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
)

// A Spec names a place, as the flags of docker buildx build do: type=registry,ref=REPOSITORY, type=s3,bucket=NAME,… or
// type=local with src=DIR or dest=DIR.
type Spec struct {
	Type       string
	Attributes map[string]string
}

// specAttributes are the attributes of places, by type.
var specAttributes = map[string][]string{
	"registry": {"ref"},
	"s3": {"bucket", "prefix", "region", "endpoint", "endpoint_url", "access_key_id", "secret_access_key",
		"session_token"},
	"local": {"src", "dest"},
}

// ParseSpec parses and checks a Spec.
func ParseSpec(text string) (Spec, error) {
	wrong := func(format string, args ...any) (Spec, error) {
		return Spec{}, fmt.Errorf("cache %q: %s", text, fmt.Sprintf(format, args...))
	}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return wrong("want type=registry,ref=REPOSITORY, type=s3,bucket=NAME or type=local,dest=DIR")
	}
	p := Spec{Attributes: map[string]string{}}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok || value == "" {
			return wrong("%q: want NAME=VALUE", field)
		}
		if key = strings.ToLower(key); key == "type" {
			p.Type = value
		} else if p.Attributes[key] != "" {
			return wrong("duplicate %s", key)
		} else {
			p.Attributes[key] = value
		}
	}
	known := specAttributes[p.Type]
	if known == nil {
		return wrong("type %q: want registry, s3 or local", p.Type)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Attributes)) {
		if !slices.Contains(known, key) {
			return wrong("unknown attribute %s: want %s", key, strings.Join(known, ", "))
		}
	}
	a := p.Attributes
	switch p.Type {
	case "registry":
		if a["ref"] == "" {
			return wrong("missing ref: the repository of the cache, such as registry.example.com/acme/cache")
		}
		if _, err := p.Repository(); err != nil {
			return wrong("%v", err)
		}
	case "s3":
		if a["bucket"] == "" {
			return wrong("missing bucket")
		}
		if (a["access_key_id"] == "") != (a["secret_access_key"] == "") {
			return wrong("set access_key_id and secret_access_key, or neither")
		}
	case "local":
		if (a["src"] == "") == (a["dest"] == "") {
			return wrong("want either dest=DIR or src=DIR, the folder of the cache")
		}
	}
	return p, nil
}

// Repository returns the repository of type=registry.
func (p Spec) Repository() (name.Repository, error) {
	ref, err := images.ParseReference(p.Attributes["ref"])
	if err != nil {
		return name.Repository{}, err
	}
	repo := ref.Context()
	if given := p.Attributes["ref"]; strings.Contains(given, "@") || strings.Contains(given[strings.LastIndex(given, "/")+1:], ":") {
		return repo, fmt.Errorf("ref %s has a tag or a digest: want only the repository, since each run adds tags of its own", given)
	}
	return repo, nil
}
