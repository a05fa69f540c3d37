package release

import (
	"io"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// startS3 starts a server with the bucket builds. It returns its address, and a function that returns the objects in
// it.
func startS3(t *testing.T) (url string, contents func() map[string]string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("builds"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return server.URL, func() map[string]string {
		all := map[string]string{}
		listed, err := backend.ListBucket("builds", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range listed.Contents {
			object, err := backend.GetObject("builds", o.Key, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(object.Contents)
			if err != nil {
				t.Fatal(err)
			}
			all[o.Key] = string(raw)
		}
		return all
	}
}

func TestPublishToS3(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	url, contents := startS3(t)
	r.configure("  - {directory: released}\n", `  - s3:
      bucket: builds
      prefix: acme/${VERSION}/
      endpoint: "`+url+`"
      region: us-east-1
      files: ["*.tar.gz", acme.linux-amd64, sha256sum-amd64.txt]
      name: "${ARTIFACT_STEM}-build1${ARTIFACT_EXT}"
      sha256sum: true
    credentials: {username: "${KEY}", password: "${SECRET}"}
  - s3: builds
`)
	r.run("package")
	err := r.try(r.open(), "publish", "artifacts")
	if err == nil || !strings.Contains(err.Error(), "environment variable SECRET is not set: it must contain the password for the S3 bucket builds/acme/") {
		t.Errorf("without variables, the error is %v", err)
	}
	r.env["KEY"], r.env["SECRET"] = "key", "secret"
	r.env["AWS_ACCESS_KEY_ID"], r.env["AWS_SECRET_ACCESS_KEY"], r.env["AWS_REGION"], r.env["AWS_ENDPOINT_URL"] = "key", "secret", "us-east-1", url
	b := r.open()
	r.do(b, "publish", "artifacts")
	all := contents()
	var want, got []string
	for name := range r.files("dist/artifacts") {
		want = append(want, name)
		if strings.HasSuffix(name, ".tar.gz") || name == "acme.linux-amd64" {
			stem, ext := strings.TrimSuffix(name, ".tar.gz"), strings.TrimPrefix(name, strings.TrimSuffix(name, ".tar.gz"))
			renamed := "acme/v1.2.3+acme1/" + stem + "-build1" + ext
			want = append(want, renamed, renamed+".sha256sum")
			if all[renamed] != all[name] || !strings.HasSuffix(all[renamed+".sha256sum"], "  "+name+"\n") {
				t.Errorf("%s has %d bytes, want %d, and the checksum %q", renamed, len(all[renamed]), len(all[name]), all[renamed+".sha256sum"])
			}
		}
	}
	want = append(want, "acme/v1.2.3+acme1/sha256sum-amd64-build1.txt") // without a checksum of its own
	for name := range all {
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var refs []string
	for _, m := range b.published.sorted() {
		refs = append(refs, m.Ref)
	}
	if diff := cmp.Diff([]string{"s3://builds", "s3://builds/acme/v1.2.3+acme1"}, refs); diff != "" {
		t.Errorf("it reports (-want +got):\n%s", diff)
	}

	for _, c := range []struct{ old, new, want string }{
		{"acme.linux-amd64,", "acme.linux-amd63,", "slipway.yaml:25:7: the release has no artifact acme.linux-amd63 (did you mean"},
		{`["*.tar.gz", acme.linux-amd63, sha256sum-amd64.txt]`, `["*.iso"]`, "slipway.yaml:25:7: files select no artifact of the release"},
	} {
		r.configure(c.old, c.new)
		for what, err := range map[string]error{"publish": r.try(r.open(), "publish", "artifacts"), "check": r.open().Check(t.Context(), false)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error is %v, want %q", what, err, c.want)
			}
		}
	}
	r.configure(`["*.iso"]`, `["*arm64*"]`)
	r.configure("prefix: acme/${VERSION}/", "prefix: narrow")
	if err := r.try(r.open(func(o *Options) { o.OS = "windows" }), "publish", "artifacts"); err != nil {
		t.Errorf("a run without the files: %v", err)
	}
	for name := range contents() {
		if path.Dir(name) == "narrow" {
			t.Errorf("it uploaded %s", name)
		}
	}
	err = r.try(r.open(func(o *Options) { o.Offline = true }), "publish", "artifacts")
	if err == nil || !strings.Contains(err.Error(), "offline: cannot upload to S3 bucket builds") {
		t.Errorf("offline, the error is %v", err)
	}
}
