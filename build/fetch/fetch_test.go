package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

func TestMain(m *testing.M) {
	pause = time.Millisecond
	os.Exit(m.Run())
}

// A server sends one answer per request, in order, and counts requests. It repeats the last answer.
type server struct {
	*httptest.Server
	requests int
}

type answer func(w http.ResponseWriter, r *http.Request)

func serve(t *testing.T, answers ...answer) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[min(s.requests, len(answers)-1)]
		s.requests++
		a(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// all sends content, or the requested part of it.
func all(content []byte) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// cut closes the connection after n bytes.
func cut(content []byte, n int) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		w.Write(content[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) answer {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
}

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}

func TestTransfers(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	fromStart := func(w http.ResponseWriter, r *http.Request) { w.Write(content) }
	for _, c := range []struct {
		name     string
		answers  []answer
		left     string // in the cache, from an earlier run
		want     string // part of the error; "" means no error
		requests int
	}{
		{"at once", []answer{all(content)}, "", "", 1},
		{"cut and resumed", []answer{cut(content, 300), all(content)}, "", "", 2},
		{"resumed after an earlier run", []answer{all(content)}, string(content[:700]), "", 1},
		{"all of it was there", []answer{all(content)}, string(content), "", 1},
		{"another version was there", []answer{all(content)}, "other", "", 2},
		{"more than all was there", []answer{all(content)}, string(content) + "more", "", 2},
		{"without ranges", []answer{cut(content, 300), fromStart}, "", "", 2},
		{"busy, then not", []answer{status(503), status(429), status(408), all(content)}, "", "", 4},
		{"always busy", []answer{status(502)}, "", "after 5 tries: the server answered 502 Bad Gateway", 5},
		{"not found", []answer{status(404)}, "", "the server answered 404 Not Found", 1},
		{"other content", []answer{all([]byte("other"))}, "", "its SHA-256 is " + sum([]byte("other")) + ", and slipway.yaml wants " + sum(content), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answers...)
			dir := t.TempDir()
			f := Fetcher{Cache: filepath.Join(dir, "cache")}
			file := File{At: "slipway.yaml:3:5", URL: strings.Replace(s.URL, "http://", "http://user:s3cr3t@", 1), SHA256: sum(content), Place: filepath.Join(dir, "out", "x.bin")}
			if c.left != "" {
				testfile.Write(t, filepath.Join(f.Cache, file.SHA256+".part"), c.left)
			}
			err := f.Fetch(t.Context(), file)
			if s.requests != c.requests {
				t.Errorf("%d requests, want %d", s.requests, c.requests)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "slipway.yaml:3:5: fetching http://***@") {
					t.Errorf("got %v", err)
				}
				if _, err := os.Stat(file.Place); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the place exists: %v", err)
				}
				return
			}
			got, readErr := os.ReadFile(file.Place)
			if err != nil || readErr != nil || !bytes.Equal(got, content) {
				t.Errorf("%v, %v, %d bytes", err, readErr, len(got))
			}
		})
	}
}

// TestSecondRun shows which files are fetched again, which come from the cache, and which take only a stat.
func TestSecondRun(t *testing.T) {
	content := []byte("#!/bin/sh\n")
	s := serve(t, all(content))
	dir := t.TempDir()
	f := Fetcher{Cache: filepath.Join(dir, "cache")}
	file := File{URL: s.URL, SHA256: sum(content), Place: filepath.Join(dir, "x"), Mode: 0o755}
	for _, step := range []struct {
		name     string
		do       func()
		requests int
	}{
		{"first", func() {}, 1},
		{"again", func() {}, 1},
		{"again, without the cached file", func() { os.Remove(filepath.Join(f.Cache, file.SHA256)) }, 1},
		{"a changed place", func() { testfile.Write(t, file.Place, "edited") }, 2},
		{"a removed place", func() { os.Remove(file.Place) }, 2},
		{"a damaged cache", func() { os.Remove(file.Place); testfile.Write(t, filepath.Join(f.Cache, file.SHA256), "poison") }, 3},
		{"offline", func() { f.Offline = true; os.Remove(file.Place) }, 3},
		{"another place", func() { file.Place += "2" }, 3},
	} {
		step.do()
		if err := f.Fetch(t.Context(), file); err != nil || s.requests != step.requests {
			t.Errorf("%s: %d requests, want %d; %v", step.name, s.requests, step.requests, err)
		}
		if got, err := os.ReadFile(file.Place); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %q, %v", step.name, got, err)
		}
	}
	if info, err := os.Stat(file.Place); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	file.SHA256 = sum([]byte("unknown"))
	if err := f.Fetch(t.Context(), file); err == nil || !strings.Contains(err.Error(), "it is not in the cache, and the network is not used") {
		t.Errorf("offline: got %v", err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("first"))
		w.(http.Flusher).Flush()
		cancel(why)
		<-r.Context().Done()
	}, all([]byte("first and second")))
	dir := t.TempDir()
	f := Fetcher{Cache: filepath.Join(dir, "cache")}
	file := File{URL: s.URL, SHA256: sum([]byte("first and second")), Place: filepath.Join(dir, "x")}
	if err := f.Fetch(ctx, file); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if err := f.Fetch(t.Context(), file); err != nil {
		t.Error(err)
	}
}

func TestLocalFile(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "with space")
	testfile.Write(t, source, "local")
	address := "file://" + strings.ReplaceAll(filepath.ToSlash(source), " ", "%20")
	if runtime.GOOS == "windows" {
		address = strings.Replace(address, "file://", "file:///", 1)
	}
	f := Fetcher{Cache: filepath.Join(dir, "cache"), Offline: true}
	file := File{URL: address, SHA256: sum([]byte("local")), Place: filepath.Join(dir, "x")}
	if err := f.Fetch(t.Context(), file); err != nil {
		t.Error(err)
	}
	file.URL += "-missing"
	file.SHA256 = sum(nil)
	if err := f.Fetch(t.Context(), file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func tarOf(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := h.PAXRecords["body"]
		h.PAXRecords = nil
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(body))
	}
	w.Close()
	return b.Bytes()
}

func entry(name string, mode int64, body string) tar.Header {
	return tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"body": body}}
}

func link(kind byte, name, target string) tar.Header {
	return tar.Header{Name: name, Linkname: target, Typeflag: kind, Mode: 0o777}
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func zipOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(name))
	}
	w.Close()
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	tools := gzipped(tarOf(t, tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o700}, entry("./bin/tool.exe", 0o755, "tool"), entry("./bin/other.exe", 0o711, "other"),
		entry("./README", 0o600, "read"), link(tar.TypeSymlink, "./bin/alias", "tool.exe"), link(tar.TypeLink, "./bin/same", "./bin/tool.exe")))
	for _, c := range []struct {
		name    string
		content []byte
		include string
		strip   int
		want    string // paths, or in the error
	}{
		{"all", tools, "", 0, "README bin/alias bin/other.exe bin/same bin/tool.exe"},
		{"one", tools, "bin/tool.exe", 1, "tool.exe"},
		{"a folder, without one file", tools, "bin !bin/alias !bin/same", 1, "other.exe tool.exe"},
		{"stripped", tools, "", 1, "alias other.exe same tool.exe"},
		{"a zip", zipOf(t, "CalicoWindows/cni/calico.exe", "CalicoWindows/confd/x.ps1", `CalicoWindows\cni\ipam.exe`), "CalicoWindows/cni", 2, "calico.exe ipam.exe"},
		{"a plain tar", tarOf(t, entry("x", 0o644, "x")), "", 0, "x"},
		{"twice the same", tarOf(t, entry("x", 0o644, "old"), entry("x", 0o644, "x")), "", 0, "x"},
		{"nothing wanted", tools, "lib/**", 0, "error: no file of the archive is wanted by include and strip-components; it begins with bin, bin/tool.exe"},
		{"not an archive", []byte("hello, this is text"), "", 0, "error: unpacking: "},
		{"outside", tarOf(t, entry("../x", 0o644, "x")), "", 0, "error: ../x: the entry leads out of the folder"},
		{"absolute", tarOf(t, entry("/etc/x", 0o644, "x")), "", 0, "error: /etc/x: the entry leads out of the folder"},
		{"outside, in a zip", zipOf(t, "a/../../x"), "", 0, "error: a/../../x: the entry leads out of the folder"},
		{"a link that leads out", tarOf(t, link(tar.TypeSymlink, "a", "../../b")), "", 0, "error: a: the link to ../../b leads out of the folder"},
		{"a device", tarOf(t, tar.Header{Name: "dev", Typeflag: tar.TypeChar}), "", 0, "error: dev: want a file, folder or link"},
		{"a hard link to nothing", tarOf(t, link(tar.TypeLink, "a", "b")), "", 0, "error: a: it is a link to b, which is not unpacked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(c.want, "alias") {
				t.Skip("the archive has a link")
			}
			dir := t.TempDir()
			s := serve(t, all(c.content))
			testfile.Write(t, filepath.Join(dir, "out", "mine"), "mine")
			f := Fetcher{Cache: filepath.Join(dir, "cache")}
			file := File{URL: s.URL, SHA256: sum(c.content), Place: filepath.Join(dir, "out"), Unpack: true, Include: strings.Fields(c.include), Strip: c.strip}
			err := f.Fetch(t.Context(), file)
			if want, ok := strings.CutPrefix(c.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v", err)
				}
				c.want = ""
			} else if err != nil {
				t.Fatal(err)
			}
			want := append(strings.Fields(c.want), "mine") // an existing file is kept
			slices.Sort(want)
			if got := paths(t, file.Place); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if leftovers, _ := filepath.Glob(filepath.Join(dir, ".out*")); len(leftovers) > 0 {
				t.Errorf("left: %q", leftovers)
			}
			if c.name != "all" {
				return
			}
			for name, mode := range map[string]fs.FileMode{"README": 0o644, "bin/other.exe": 0o755, "bin/same": 0o755} {
				if info, err := os.Stat(filepath.Join(file.Place, name)); err != nil || info.Mode() != mode {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			// A second run only examines the files, and repairs one.
			os.RemoveAll(filepath.Join(dir, "cache", file.SHA256))
			if err := f.Fetch(t.Context(), file); err != nil || s.requests != 1 {
				t.Errorf("%d requests, %v", s.requests, err)
			}
			testfile.Write(t, filepath.Join(file.Place, "bin", "same"), "edited")
			if err := f.Fetch(t.Context(), file); err != nil || s.requests != 2 {
				t.Errorf("%d requests, %v", s.requests, err)
			}
			if got, _ := os.ReadFile(filepath.Join(file.Place, "bin", "same")); string(got) != "tool" {
				t.Errorf("the edited file is %q", got)
			}
		})
	}
}

// TestLinkInTheFolder shows that a link in the folder is not followed to the outside.
func TestLinkInTheFolder(t *testing.T) {
	dir := t.TempDir()
	content := tarOf(t, entry("sub/x", 0o644, "x"))
	s := serve(t, all(content))
	outside := filepath.Join(dir, "outside")
	testfile.Write(t, filepath.Join(outside, "y"), "y")
	testfile.Write(t, filepath.Join(dir, "out", "z"), "z")
	testfile.Symlink(t, outside, filepath.Join(dir, "out", "sub"))
	f := Fetcher{Cache: filepath.Join(dir, "cache")}
	if err := f.Fetch(t.Context(), File{URL: s.URL, SHA256: sum(content), Place: filepath.Join(dir, "out"), Unpack: true}); err == nil {
		t.Error("it was unpacked through the link")
	}
	if got := paths(t, outside); len(got) != 1 {
		t.Errorf("outside has %q", got)
	}
}

func paths(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDownload(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	for _, c := range []struct {
		name    string
		answers []answer
		limit   int64
		want    string // part of the error; "" means no error
		absent  bool
	}{
		{"resumed", []answer{cut(content, 300), all(content)}, 1000, "", false},
		{"too large", []answer{all(content)}, 999, "it has more than 999 bytes", false},
		{"too large after it was resumed", []answer{cut(content, 300), all(content)}, 999, "it has more than 999 bytes", false},
		{"not found", []answer{status(404)}, 0, "the server answered 404 Not Found", true},
		{"gone", []answer{status(410)}, 0, "the server answered 410 Gone", true},
		{"refused", []answer{status(403)}, 0, "the server answered 403 Forbidden", false},
	} {
		file := filepath.Join(t.TempDir(), "x")
		task := progress.Start(t.Context(), "download")
		err := Download(t.Context(), task, serve(t, c.answers...).URL, file, c.limit)
		task.Done(err)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrNotExist) != c.absent {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got, readErr := os.ReadFile(file); err != nil || readErr != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %v, %v, %q", c.name, err, readErr, got)
		}
	}
}
