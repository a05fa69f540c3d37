package config

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Programs read destinations from the plan. A destination that is text in slipway.yaml is text in
// JSON.
func TestDestinationsInJSON(t *testing.T) {
	for want, d := range map[string]Destination{
		`{"registry":"docker.io","credentials":{"username":"U","password":"P"}}`: {Registry: "docker.io", Credentials: Credentials{Username: "U", Password: "P"}},
		`{"directory":"d","snapshot":true}`:                                      {Directory: "d", Snapshot: true},
		`{"github":"a/b"}`:                                                       {GitHub: GitHubRelease{Repository: "a/b"}},
		`{"github":{"repository":"a/b","draft":true,"makeLatest":"false"}}`:      {GitHub: GitHubRelease{Repository: "a/b", Draft: true, MakeLatest: "false"}},
		`{"gitlab":"a/b"}`:                                                       {GitLab: GitLabRelease{Project: "a/b"}},
		`{"gitlab":{"project":"a/b","notes":"n.md"}}`:                            {GitLab: GitLabRelease{Project: "a/b", Notes: "n.md"}},
		`{"s3":"builds"}`:                                                        {S3: S3Bucket{Bucket: "builds", Position: Position{Line: 3}}},
		`{"s3":{"bucket":"builds","cacheControl":"no"}}`:                         {S3: S3Bucket{Bucket: "builds", CacheControl: "no"}},
		`{"exec":{"run":["a","b"],"secrets":["TOKEN"]}}`:                         {Exec: Command{Run: []string{"a", "b"}, Secrets: []string{"TOKEN"}}},
	} {
		got, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestNamesOfObjects(t *testing.T) {
	b := S3Bucket{Bucket: "b", Prefix: "p/", Name: "${ARTIFACT_STEM}-1${ARTIFACT_EXT}"}
	for artifact, want := range map[string]string{
		"acme-images.linux-amd64.tar.zst": "p/acme-images.linux-amd64-1.tar.zst",
		"acme.linux-amd64.tar.gz":         "p/acme.linux-amd64-1.tar.gz",
		"acme.linux-amd64":                "p/acme.linux-amd64-1",
		"acme.windows-amd64.exe":          "p/acme.windows-amd64-1.exe",
		"acme-1.2":                        "p/acme-1.2-1",
		"sha256sum-amd64.txt":             "p/sha256sum-amd64-1.txt",
		".hidden":                         "p/.hidden-1",
	} {
		if got := b.Object(artifact); got != want {
			t.Errorf("%s becomes %s, want %s", artifact, got, want)
		}
	}
	if got := (S3Bucket{}).Object("a.txt"); got != "a.txt" {
		t.Errorf("without a prefix and a name it is %s", got)
	}
}
