package caches

import (
	"strings"
	"testing"
)

func TestKeysOfASharedCache(t *testing.T) {
	place := Places{Texts: []string{"type=local,dest=cache"}}
	set := func(names ...string) func(string) (string, bool) {
		return func(name string) (string, bool) { return "text", strings.Contains(strings.Join(names, " "), name) }
	}
	for name, c := range map[string]struct {
		shared Shared
		getenv func(string) (string, bool)
		err    string
	}{
		"no keys":                    {Shared{From: place}, nil, ""},
		"a key that is not set":      {Shared{From: place, Key: "env://KEY"}, nil, ""},
		"a key alone":                {Shared{From: place, Key: "env://KEY"}, set("KEY"), "missing public key"},
		"a public key without a key": {Shared{From: place, PublicKey: "env://PUBLIC"}, nil, "environment variable PUBLIC is not set"},
		"a public key that is none":  {Shared{From: place, PublicKey: "env://PUBLIC"}, set("PUBLIC"), "public key env://PUBLIC"},
		"keys and no place":          {Shared{From: Places{Texts: []string{None}}, PublicKey: "env://PUBLIC"}, nil, ""},
		"a place that is none":       {Shared{To: Places{Texts: []string{"type=gha"}}}, nil, "want registry, s3 or local"},
		"an endpoint that is none":   {Shared{To: Places{Texts: []string{"type=s3,bucket=abc,endpoint=minio:9000"}}}, nil, "want an address such as"},
	} {
		t.Run(name, func(t *testing.T) {
			c2, err := c.shared.Open(Surroundings{Getenv: c.getenv})
			switch {
			case c.err == "" && err != nil:
				t.Error(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			case err == nil && (len(c2.Places()) == 1) != (c.shared.From.Texts[0] != None):
				t.Errorf("%d places", len(c2.Places()))
			}
			c2.Close()
		})
	}
}

// Without a network, only folders count.
func TestPlacesWithoutANetwork(t *testing.T) {
	s := Shared{From: Places{Dir: t.TempDir(), Texts: []string{"type=registry,ref=registry.example.com/cache", "type=s3,bucket=abc", "type=local,src=cache"}}}
	c, err := s.Open(Surroundings{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if found := c.Places(); len(found) != 1 || !strings.HasPrefix(found[0].String(), s.From.Dir) {
		t.Errorf("places %v", found)
	}
}
