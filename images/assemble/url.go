package assemble

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// transferURL adds the file at a URL, with mode 0600, or unpacks it.
func (asm *assembly) transferURL(ctx context.Context, t *transfer, c *fstree.Copier, source, dest string) error {
	u, err := url.Parse(source)
	if err != nil {
		return err
	}
	name := path.Base(u.Path)
	if name == "." || name == "/" {
		// BuildKit uses this name for a URL without a file name.
		name = "__unnamed__"
	}
	checksum, err := dockerfile.ParseChecksum(t.checksum)
	if err != nil {
		return err
	}
	file, err := asm.download(ctx, u, checksum)
	if err != nil {
		return err
	}
	if t.unpackURLs {
		if done, err := asm.unpackFile(ctx, c, file, dest); err != nil || done {
			return err
		}
	}
	root := fstree.NewFolder()
	root.Set(name, &fstree.Node{Type: tar.TypeReg, Mode: 0o600, ModTime: fstree.UnixEpoch, Size: file.Info.Size(), Content: file})
	return c.Single().Copy(root, "/"+name, dest)
}

// download fetches u and returns it as a file. If there is a checksum, or the server
// sends a strong ETag, the file is fetched once and kept, provided that the store keeps
// derived files. Otherwise it is removed when the assembly ends.
func (asm *assembly) download(ctx context.Context, u *url.URL, checksum string) (*fstree.DiskFile, error) {
	keeps := asm.derived != nil
	keep := func(key string, fetch func(io.Writer) error) (*fstree.DiskFile, error) {
		name, err := asm.derived.Derived(ctx, "download", key, fetch)
		if err != nil {
			return nil, err
		}
		return openDisk(name)
	}
	if keeps && checksum != "" && !asm.build.NoCache {
		return keep("sha256:"+checksum, func(w io.Writer) error {
			body, err := asm.get(ctx, u)
			if err != nil {
				return err
			}
			defer body.Close()
			return asm.fetch(ctx, body, w, u, checksum)
		})
	}
	body, err := asm.get(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if etag := body.Header.Get("ETag"); keeps && strings.HasPrefix(etag, `"`) && !asm.build.NoCache {
		return keep(u.String()+" "+etag, func(w io.Writer) error { return asm.fetch(ctx, body, w, u, checksum) })
	}
	dir, err := asm.scratch.dir(asm.tempDir)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "download-")
	if err != nil {
		return nil, err
	}
	err = asm.fetch(ctx, body, f, u, checksum)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return openDisk(f.Name())
}

// A response is the header and body of an HTTP response. size is the size of the body,
// or -1 if the server does not state it.
type response struct {
	io.ReadCloser
	Header http.Header
	size   int64
}

func (asm *assembly) get(ctx context.Context, u *url.URL) (*response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// Ask for the file as it is on the server, not compressed for the transfer.
	request.Header.Set("Accept-Encoding", "identity")
	answer, err := asm.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	return &response{answer.Body, answer.Header, answer.ContentLength}, nil
}

// fetch copies the body to w, and checks its size and, if checksum is not empty, its
// SHA-256.
func (asm *assembly) fetch(ctx context.Context, body *response, w io.Writer, u *url.URL, checksum string) (err error) {
	task := progress.Start(ctx, "download "+u.Redacted())
	task.SetTotal(max(body.size, 0))
	defer func() { task.Done(err) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(task.Reader(body), asm.limits.Bytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("after %d bytes: %w", n, err)
	case n > asm.limits.Bytes:
		return fmt.Errorf("it has more than %d bytes, which is the limit", asm.limits.Bytes)
	case body.size >= 0 && n != body.size:
		return fmt.Errorf("it has %d bytes; the server announced %d", n, body.size)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); checksum != "" && got != checksum {
		return fmt.Errorf("its checksum is sha256:%s, not sha256:%s", got, checksum)
	}
	return nil
}

func openDisk(name string) (*fstree.DiskFile, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(name + " is not a file")
	}
	return &fstree.DiskFile{Path: name, Info: info}, nil
}

// A scratchDir is a temporary folder that is created on first use.
type scratchDir struct{ path string }

func (s *scratchDir) dir(parent string) (string, error) {
	if s.path == "" {
		var err error
		if s.path, err = os.MkdirTemp(parent, "slipway-assemble-"); err != nil {
			return "", err
		}
	}
	return s.path, nil
}

func (s *scratchDir) remove() {
	if s.path != "" {
		fileop.RemoveAll(s.path)
	}
}
