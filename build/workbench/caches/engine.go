package caches

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/images/cache"
)

// OfEngine returns the caches of a BuildKit beside the shared ones, in the spelling of --cache-from and --cache-to: what
// an engine caches is its own, and is not checked by Slipway. name distinguishes images; it has the characters of a tag.
// A cache that cannot be written does not fail the build. plainHTTP reports whether a registry is reached over plain HTTP.
func (s Shared) OfEngine(name string, getenv func(string) (string, bool), plainHTTP func(host string) bool) (from, to []string) {
	for _, text := range s.From.Texts {
		if attributes := engineCache(text, s.From.Dir, name, "src", getenv, plainHTTP); attributes != "" {
			from = append(from, attributes)
		}
	}
	for _, text := range s.To.Texts {
		if attributes := engineCache(text, s.To.Dir, name, "dest", getenv, plainHTTP); attributes != "" {
			to = append(to, attributes+",mode=max,ignore-error=true")
		}
	}
	return from, to
}

// engineCache returns the cache of an engine for a place, or "" if there is none.
func engineCache(text, relativeTo, name, folderKey string, getenv func(string) (string, bool), plainHTTP func(string) bool) string {
	spec, err := cache.ParseSpec(text)
	if err != nil {
		return "" // opening the shared cache returns the error
	}
	switch spec.Type {
	case "registry":
		repo, err := spec.Repository()
		if err != nil {
			return ""
		}
		out := "type=registry,ref=" + repo.Name() + ":buildkit-" + name
		if plainHTTP(repo.RegistryStr()) {
			out += ",registry.insecure=true"
		}
		return out
	case "local":
		dir := filepath.Join(folder(spec, relativeTo), "buildkit", name)
		if _, err := os.Stat(filepath.Join(dir, "index.json")); folderKey == "src" && err != nil {
			return ""
		}
		return "type=local," + folderKey + "=" + dir
	}
	o := s3Options(spec, getenv)
	out := []string{"type=s3", "bucket=" + o.Bucket, "name=" + name, "prefix=" + path.Join(o.Prefix, "buildkit") + "/"}
	for _, attribute := range [][2]string{{"region", o.Region}, {"endpoint_url", o.Endpoint}, {"access_key_id", o.AccessKey}, {"secret_access_key", o.SecretKey}, {"session_token", o.SessionToken}} {
		if attribute[1] != "" {
			out = append(out, attribute[0]+"="+attribute[1])
		}
	}
	if o.Endpoint != "" {
		out = append(out, "use_path_style=true")
	}
	return strings.Join(out, ",")
}
