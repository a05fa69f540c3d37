package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// An s3Server is an S3 server of another project, in memory, with the bucket builds.
type s3Server struct {
	t       testing.TB
	backend *s3mem.Backend
	server  *httptest.Server

	mu sync.Mutex
	// log has each request that was not a read, and headers has the last headers of each object.
	log     []string
	headers map[string]http.Header
	// fail is called before a request is executed. If it returns true, it has responded.
	fail func(w http.ResponseWriter, r *http.Request) bool
}

// newS3Server starts a server with TLS. Without TLS, the client splits content into signed chunks, which the server
// understands only if the content is small.
func newS3Server(t testing.TB) *s3Server {
	s := startS3Server(t)
	s.server.StartTLS()
	return s
}

func startS3Server(t testing.TB) *s3Server {
	s := &s3Server{t: t, backend: s3mem.New(), headers: map[string]http.Header{}}
	must(t, s.backend.CreateBucket("builds"))
	fake := gofakes3.New(s.backend).Server()
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			s.log = append(s.log, r.Method+" "+r.URL.Path)
			s.headers[r.URL.Path] = r.Header
		}
		fail := s.fail
		s.mu.Unlock()
		if fail != nil && fail(w, r) {
			return
		}
		fake.ServeHTTP(w, r)
	}))
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.server.Close)
	return s
}

func (s *s3Server) s3() S3 {
	return S3{Bucket: "builds", Endpoint: s.server.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret", transport: s.server.Client().Transport}
}

// put stores an object, as another program would.
func (s *s3Server) put(key, content string) {
	_, err := s.backend.PutObject("builds", key, map[string]string{"Last-Modified": "Fri, 01 Jan 2027 00:00:00 GMT"}, strings.NewReader(content), int64(len(content)), nil)
	must(s.t, err)
}

func (s *s3Server) contents() map[string]string {
	all := map[string]string{}
	listed, err := s.backend.ListBucket("builds", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	must(s.t, err)
	for _, o := range listed.Contents {
		object, err := s.backend.GetObject("builds", o.Key, nil)
		must(s.t, err)
		raw, err := io.ReadAll(object.Contents)
		must(s.t, err)
		all[o.Key] = string(raw)
	}
	return all
}

// objects returns files from write as objects below v1.
func objects(files ...string) []Object {
	var all []Object
	for _, f := range files {
		all = append(all, Object{Path: f, Key: "v1/" + filepath.Base(f)})
	}
	return all
}

func below(prefix string, contents map[string]string) map[string]string {
	all := map[string]string{}
	for name, content := range contents {
		all[prefix+name] = content
	}
	return all
}

func TestS3(t *testing.T) {
	t.Run("http", func(t *testing.T) {
		s := startS3Server(t)
		s.server.Start()
		testS3(t, s)
	})
	t.Run("https", func(t *testing.T) { testS3(t, newS3Server(t)) })
}

func testS3(t *testing.T, s *s3Server) {
	all := objects(write(t, "a.tar.gz", "b.txt", "sums.txt")...)
	all[0].Sum = true
	all[2].Last = true
	bucket := s.s3()
	bucket.ACL, bucket.CacheControl = "public-read", "no-store"
	must(t, bucket.Check(t.Context(), all))
	if diff := cmp.Diff(map[string]string{}, s.contents()); diff != "" {
		t.Errorf("Check changed something: %s", diff)
	}
	if diff := cmp.Diff([]string{"POST /builds/v1/a.tar.gz", "DELETE /builds/v1/a.tar.gz"}, s.log); diff != "" {
		t.Errorf("Check left an upload: %s", diff)
	}
	s.log = nil
	must(t, bucket.Publish(t.Context(), all))
	want := below("v1/", wantContents("a.tar.gz", "b.txt", "sums.txt"))
	want["v1/a.tar.gz.sha256sum"] = fmt.Sprintf("%x  a.tar.gz\n", sha256.Sum256([]byte("content of a.tar.gz")))
	if diff := cmp.Diff(want, s.contents()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{"Content-Type": "application/gzip", "X-Amz-Acl": "public-read", "Cache-Control": "no-store"} {
		if got := s.headers["/builds/v1/a.tar.gz"].Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	slices.Sort(s.log[2:])
	slices.Sort(s.log[:2])
	if diff := cmp.Diff([]string{"PUT /builds/v1/a.tar.gz", "PUT /builds/v1/b.txt", "PUT /builds/v1/a.tar.gz.sha256sum", "PUT /builds/v1/sums.txt"}, s.log); diff != "" {
		t.Errorf("checksums are not last: %s", diff)
	}
	// A second run sends nothing.
	s.log = nil
	must(t, bucket.Check(t.Context(), all))
	must(t, bucket.Publish(t.Context(), all))
	if len(s.log) > 0 {
		t.Errorf("the second time it sent %v", s.log)
	}
}

// Objects of other programs have no stored digest, so they are read.
func TestS3KeepsObjects(t *testing.T) {
	s := newS3Server(t)
	all := objects(write(t, "same", "short", "other")...)
	s.put("v1/same", "content of same")
	s.put("v1/short", "content")
	s.put("v1/other", "CONTENT of other")
	before := s.contents()
	for what, run := range map[string]func(context.Context, []Object) error{"Check": s.s3().Check, "Publish": s.s3().Publish} {
		err := run(t.Context(), all)
		for _, want := range []string{"v1/short exists, and it has 7 bytes, want 16", "v1/other exists, and it is sha256:", "overwrite: true"} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "v1/same") {
				t.Errorf("%s: error is %v, want %q", what, err, want)
			}
		}
	}
	if diff := cmp.Diff(before, s.contents()); diff != "" {
		t.Errorf("they were changed: %s", diff)
	}
	bucket := s.s3()
	bucket.Overwrite = true
	must(t, bucket.Check(t.Context(), all))
	s.log = nil
	must(t, bucket.Publish(t.Context(), all))
	if diff := cmp.Diff(below("v1/", wantContents("same", "short", "other")), s.contents()); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(s.log, "PUT /builds/v1/same") {
		t.Error("an equal object was replaced")
	}
}

func TestS3TriesAgain(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 17<<20/16) // two parts
	for _, c := range []struct {
		name string
		fail func(w http.ResponseWriter, r *http.Request)
	}{
		{"503", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
		}},
		{"a cut", func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 1000)
			connection, _, err := w.(http.Hijacker).Hijack()
			must(t, err)
			connection.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newS3Server(t)
			file := write(t, "large")[0]
			must(t, os.WriteFile(file, []byte(large), 0o644))
			failed := map[string]bool{}
			s.fail = func(w http.ResponseWriter, r *http.Request) bool {
				key := r.Method + r.URL.Path + r.URL.Query().Get("partNumber")
				s.mu.Lock()
				first := !failed[key]
				failed[key] = true
				s.mu.Unlock()
				if first {
					c.fail(w, r)
				}
				return first
			}
			must(t, s.s3().Publish(t.Context(), objects(file)))
			if got := s.contents()["v1/large"]; got != large {
				t.Errorf("found %d bytes, want %d", len(got), len(large))
			}
			if n := len(s.log); n != 2+2*2+1 { // the beginning and two parts, each twice, and the end
				t.Errorf("%d requests: %v", n, s.log)
			}
		})
	}
}

func TestS3Errors(t *testing.T) {
	refuse := func(method string, status int, code string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method {
				return false
			}
			w.WriteHeader(status)
			if method != http.MethodHead {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>No.</Message></Error>", code)
			}
			return true
		}
	}
	for _, c := range []struct {
		name string
		set  func(s *s3Server, b *S3, all *[]Object)
		want string
	}{
		{"no bucket", func(_ *s3Server, b *S3, _ *[]Object) { b.Bucket = "other" }, "bucket other does not exist: create it first"},
		{"no right to look", func(s *s3Server, _ *S3, _ *[]Object) { s.fail = refuse("HEAD", 403, "") }, ": Access Denied.: do the credentials allow s3:ListBucket"},
		{"no right to write", func(s *s3Server, _ *S3, _ *[]Object) { s.fail = refuse("POST", 403, "AccessDenied") }, "checking write access: No.: do the credentials allow"},
		{"a wrong key", func(s *s3Server, _ *S3, _ *[]Object) { s.fail = refuse("POST", 403, "SignatureDoesNotMatch") }, "are the credentials right?"},
		{"no ACLs", func(s *s3Server, _ *S3, _ *[]Object) { s.fail = refuse("POST", 400, "AccessControlListNotSupported") }, "remove acl"},
		{"one name twice", func(_ *s3Server, _ *S3, all *[]Object) { (*all)[1].Key = (*all)[0].Key }, "would both become the object v1/a"},
		{"a missing file", func(_ *s3Server, _ *S3, all *[]Object) { (*all)[1].Path += "x" }, "bx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newS3Server(t)
			b, all := s.s3(), objects(write(t, "a", "b")...)
			c.set(s, &b, &all)
			if err := b.Check(t.Context(), all); err == nil || strings.Count(err.Error(), c.want) != 1 {
				t.Errorf("error is %v, want %q once", err, c.want)
			}
			if len(s.contents()) > 0 {
				t.Error("it uploaded something")
			}
		})
	}
}

// The right to upload does not include the right to abort.
func TestS3ChecksWithoutTheRightToAbort(t *testing.T) {
	s := newS3Server(t)
	s.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.Method == http.MethodDelete
	}
	all := objects(write(t, "a")...)
	must(t, s.s3().Check(t.Context(), all))
	must(t, s.s3().Publish(t.Context(), all))
}

func TestS3NeedsCredentials(t *testing.T) {
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", write(t, "credentials")[0])
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(t.TempDir(), "missing")) // so that no machine is asked for its role
	s := newS3Server(t)
	b := s.s3()
	b.AccessKey = ""
	err := b.Check(t.Context(), objects(write(t, "a")...))
	if err == nil || !strings.Contains(err.Error(), "missing credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or credentials of the destination") {
		t.Errorf("error is %v", err)
	}
	must(t, os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n"), 0o600))
	must(t, b.Check(t.Context(), objects(write(t, "a")...)))
}

// A file that changes while it is sent does not become an object.
func TestS3RefusesAFileThatChangesMeanwhile(t *testing.T) {
	s := newS3Server(t)
	files := write(t, "a", "b")
	s.fail = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/a") {
			must(t, os.WriteFile(files[0], []byte("CONTENT of a"), 0o644))
		}
		return false
	}
	err := s.s3().Publish(t.Context(), objects(files...))
	if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), "/a changed meanwhile: it was sha256:") {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff(below("v1/", wantContents("b")), s.contents()); diff != "" {
		t.Error(diff)
	}
}

// An interrupted upload leaves no parts in the bucket.
func TestS3IsCancelled(t *testing.T) {
	s := newS3Server(t)
	file := write(t, "large")[0]
	must(t, os.WriteFile(file, bytes.Repeat([]byte("x"), 17<<20), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	s.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("partNumber") == "2" {
			cancel()
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	if err := s.s3().Publish(ctx, objects(file)); err == nil {
		t.Error("no error")
	}
	if len(s.contents()) > 0 || !slices.Contains(s.log, "DELETE /builds/v1/large") {
		t.Errorf("remaining: %v, after %v", slices.Collect(maps.Keys(s.contents())), s.log)
	}
}
