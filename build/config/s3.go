package config

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/internal/glob"
)

// An S3Bucket is a destination for artifacts in Amazon S3, or on another server with its API.
type S3Bucket struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Bucket       string   `yaml:"bucket" json:"bucket" required:"guarded" short:"true" doc:"name of the bucket"`
	Prefix       string   `yaml:"prefix" json:"prefix,omitempty" doc:"folder in the bucket, such as acme/${VERSION}; default: none"`
	Name         string   `yaml:"name" json:"name,omitempty" expand:"artifact" doc:"name of an object below the prefix, such as ${ARTIFACT_STEM}-${COMMIT}${ARTIFACT_EXT}; default: ${ARTIFACT}"`
	Files        []string `yaml:"files" json:"files,omitempty" doc:"names of the artifacts to upload, or patterns of them (*, !); default: all" example:"[\"*.tar.zst\", \"!*.windows-*\"]"`
	SHA256Sum    bool     `yaml:"sha256sum" json:"sha256sum,omitempty" doc:"upload NAME.sha256sum beside each object except checksums, in the format of sha256sum"`
	Endpoint     string   `yaml:"endpoint" json:"endpoint,omitempty" doc:"address of the server, such as https://minio.example.com:9000; AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL in the environment are the default, and else Amazon's"`
	Region       string   `yaml:"region" json:"region,omitempty" doc:"default: AWS_REGION or AWS_DEFAULT_REGION in the environment, else the region that the server reports"`
	ACL          string   `yaml:"acl" json:"acl,omitempty" enum:"private public-read public-read-write authenticated-read aws-exec-read bucket-owner-read bucket-owner-full-control" doc:"canned ACL of the objects; default: none, which buckets without ACLs require"`
	CacheControl string   `yaml:"cache-control" json:"cacheControl,omitempty" doc:"header Cache-Control of the objects, such as public, max-age=31536000, immutable"`
	Overwrite    bool     `yaml:"overwrite" json:"overwrite,omitempty" doc:"replace objects with other content, as --force does"`
}

// Object returns the name of the object for an artifact.
func (b S3Bucket) Object(artifact string) string {
	name := artifact
	if b.Name != "" {
		stem, ext := splitArtifact(artifact)
		name = expression.Expand(b.Name, map[string]string{"ARTIFACT": artifact, "ARTIFACT_STEM": stem, "ARTIFACT_EXT": ext})
	}
	return path.Join(b.Prefix, name)
}

// artifactExt matches the extensions of an artifact, such as .tar.gz and .txt, but not the ends of names such as
// acme.linux-amd64 and acme-1.2.
var artifactExt = regexp.MustCompile(`(\.tar)?\.[A-Za-z][0-9A-Za-z]*$`)

// splitArtifact splits the name of an artifact before its extensions.
func splitArtifact(name string) (stem, ext string) {
	if i := artifactExt.FindStringIndex(name); i != nil && i[0] > 0 {
		return name[:i[0]], name[i[0]:]
	}
	return name, ""
}

var bucketShape = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]$`)

// s3 checks a bucket.
func (v *validator) s3(at string, b S3Bucket) {
	bucket := at
	if v.given(at + ".bucket") {
		bucket += ".bucket"
	}
	v.shape(bucket, b.Bucket, bucketShape, "the name of a bucket: 3 to 63 letters and digits, with . _ or - between them")
	for _, key := range []struct{ name, value string }{{"prefix", b.Prefix}, {"name", placeholders.Replace(b.Name)}} {
		where, trimmed := at+"."+key.name, strings.TrimSuffix(key.value, "/")
		switch {
		case trimmed != "" && (path.Clean("/"+trimmed) != "/"+trimmed || strings.ContainsAny(trimmed, "\\\x00")), trimmed == "" && key.value != "":
			v.wrong(where, "%q: want names with single slashes between them, such as acme/v1.2.3", key.value)
		}
	}
	if b.Name != "" && !strings.Contains(b.Name, "${ARTIFACT}") && !strings.Contains(b.Name, "${ARTIFACT_STEM}") {
		v.wrong(at+".name", "all artifacts would have the same name: use ${ARTIFACT}, or ${ARTIFACT_STEM} and ${ARTIFACT_EXT}")
	}
	if e, err := url.Parse(b.Endpoint); b.Endpoint != "" && (err != nil || !slices.Contains([]string{"http", "https"}, e.Scheme) ||
		e.Host == "" || e.User != nil || strings.Trim(e.Path, "/") != "" || e.RawQuery != "") {
		v.wrong(at+".endpoint", "want https://HOST or https://HOST:PORT (or http://), without a path")
	}
	v.artifactPatterns(at+".files", b.Files)
}

// artifactPatterns checks patterns of the names of artifacts.
func (v *validator) artifactPatterns(at string, patterns []string) {
	for i, p := range patterns {
		where := fmt.Sprintf("%s[%d]", at, i)
		if strings.Contains(p, "/") {
			v.wrong(where, "%q: want the name of an artifact, or a pattern of names: they have no folders", p)
		} else if _, err := glob.New(p); err != nil {
			v.wrong(where, "%v", err)
		}
	}
}
