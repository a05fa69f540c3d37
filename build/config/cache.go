package config

import (
	"fmt"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images/cache"
)

// A Cache says where machines share what is expensive to make.
type Cache struct {
	From      []string `yaml:"from" doc:"caches to read, in order; SLIPWAY_CACHE_FROM or --cache-from replaces them" example:"[\"type=registry,ref=registry.example.com/acme/cache\"]"`
	To        []string `yaml:"to" doc:"caches to write; SLIPWAY_CACHE_TO or --cache-to replaces them" example:"[\"type=s3,bucket=acme-ci,prefix=cache,region=eu-central-1\"]"`
	PublicKey string   `yaml:"public-key" doc:"public keys that entries must be signed by, a PEM file or env://NAME; without them, only entries count that can be checked without trust"`
	Key       string   `yaml:"key" doc:"private key that signs new entries: a PEM file, or env://NAME; if that variable is not set, nothing is added"`
	Binaries  bool     `yaml:"binaries" doc:"also share compiled binaries, which needs public-key, since only the compiler could check them"`
	Password  string   `yaml:"password" doc:"environment variable with the password of the key; default: COSIGN_PASSWORD"`
}

// cache checks the shared caches.
func (v *validator) cache() {
	c := v.config.Cache
	for key, texts := range map[string][]string{"from": c.From, "to": c.To} {
		for i, text := range texts {
			if _, err := cache.ParseSpec(text); err != nil {
				v.wrong(fmt.Sprintf("cache.%s[%d]", key, i), "%v", err)
			}
		}
	}
	v.keyPlace("cache.key", c.Key)
	v.keyPlace("cache.public-key", c.PublicKey)
	if c.Key != "" && c.PublicKey == "" {
		v.wrong("cache", "missing public-key: entries are signed with key, so the key to verify them with is needed")
	}
	if c.Binaries && c.PublicKey == "" {
		v.wrong("cache.binaries", "missing cache.public-key: only the compiler could tell whether a binary is that of its source, so entries must be signed")
	}
	if c.Password != "" && (c.Key == "" || !expression.IsName(c.Password)) {
		v.wrong("cache.password", "%q: want the name of the environment variable with the password of key", c.Password)
	}
}
