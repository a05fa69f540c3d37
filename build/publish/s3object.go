package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// digestMetadata is the key of the metadata with the SHA-256 of an object's content, in hexadecimal, so that the object
// need not be read again.
const digestMetadata = "sha256"

// An upload is the content of an object: the file at path, or, if path is empty, text.
type upload struct {
	key, path string
	text      []byte
	size      int64
	sum       digest
	last      bool
}

// uploadsOf reads the files of objects, and adds the objects with their checksums.
func uploadsOf(ctx context.Context, objects []Object) ([]upload, error) {
	found, errs := make([]upload, len(objects)), make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(objectsAtOnce)
	for i, o := range objects {
		group.Go(func() error {
			info, err := os.Stat(o.Path)
			if err == nil {
				found[i] = upload{key: o.Key, path: o.Path, size: info.Size(), last: o.Last}
				found[i].sum, err = digestOf(ctx, o.Path)
			}
			errs[i] = err
			return nil
		})
	}
	group.Wait()
	var all []upload
	keys := map[string]string{}
	add := func(u upload, from string) {
		if other, ok := keys[u.key]; ok {
			errs = append(errs, fmt.Errorf("%s and %s would both become the object %s", other, from, u.key))
		}
		keys[u.key] = from
		all = append(all, u)
	}
	for i, o := range objects {
		add(found[i], o.Path)
		if sum := found[i].sum; o.Sum {
			text := fmt.Appendf(nil, "%x  %s\n", sum[:], filepath.Base(o.Path))
			add(upload{key: o.Key + ".sha256sum", text: text, size: int64(len(text)), sum: sha256.Sum256(text), last: true}, "the checksum of "+o.Path)
		}
	}
	return all, errors.Join(errs...)
}

// options returns the options of an object.
func (b *bucket) options(u upload) minio.PutObjectOptions {
	metadata := map[string]string{digestMetadata: fmt.Sprintf("%x", u.sum[:])}
	if b.ACL != "" {
		metadata["x-amz-acl"] = b.ACL // the client sends it as a header of this name
	}
	return minio.PutObjectOptions{ContentType: mediaType(u.key), CacheControl: b.CacheControl, UserMetadata: metadata, SendContentMd5: true}
}

// stat returns the properties of an object, and whether it exists.
func (b *bucket) stat(ctx context.Context, key string) (there minio.ObjectInfo, ok bool, err error) {
	there, err = b.api.StatObject(ctx, b.Bucket, key, minio.StatObjectOptions{})
	switch {
	case minio.ToErrorResponse(err).Code == minio.NoSuchKey:
		return there, false, nil
	case err != nil:
		return there, false, fmt.Errorf("looking up %s: %w%s", key, err, s3Hint(err))
	}
	return there, true, nil
}

// same reports whether an object exists with the content of u. Unless b.Overwrite, an object with other content is an
// error.
func (b *bucket) same(ctx context.Context, u upload) (bool, error) {
	there, ok, err := b.stat(ctx, u.key)
	if err != nil || !ok {
		return false, err
	}
	wrong := ""
	if there.Size != u.size {
		wrong = fmt.Sprintf("it has %d bytes, want %d", there.Size, u.size)
	} else {
		found := "sha256:" + there.Metadata.Get("X-Amz-Meta-"+digestMetadata)
		if found == "sha256:" {
			if found, err = b.read(ctx, u.key); err != nil {
				return false, fmt.Errorf("reading %s: %w%s", u.key, err, s3Hint(err))
			}
		}
		if found != u.sum.String() {
			wrong = fmt.Sprintf("it is %s, want %s", found, u.sum)
		}
	}
	if wrong != "" && !b.Overwrite {
		return false, fmt.Errorf("%s exists, and %s: choose another prefix, delete the object, or allow replacing it (--force, environment FORCE, or overwrite: true)", u.key, wrong)
	}
	return wrong == "", nil
}

// read returns the digest of an object that another program has uploaded.
func (b *bucket) read(ctx context.Context, key string) (string, error) {
	object, err := b.api.GetObject(ctx, b.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer object.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, object); err != nil {
		return "", err
	}
	return digest(sum.Sum(nil)).String(), nil
}

// put uploads an object, unless it exists with this content, and checks the result. The client repeats requests after
// temporary failures.
func (b *bucket) put(ctx context.Context, u upload, task *progress.Task) error {
	same, err := b.same(ctx, u)
	if err != nil {
		return err
	}
	if same {
		task.SetCached()
		return nil
	}
	task.SetTotal(u.size)
	content, err := u.open(ctx, task)
	if err != nil {
		return err
	}
	defer content.Close()
	if _, err := b.api.PutObject(ctx, b.Bucket, u.key, content, u.size, b.options(u)); err != nil {
		if ctx.Err() != nil { // the client cannot abort the upload with ctx
			after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_ = b.api.RemoveIncompleteUpload(after, b.Bucket, u.key)
		}
		return fmt.Errorf("uploading %s: %w%s", u.key, err, s3Hint(err))
	}
	there, err := b.api.StatObject(ctx, b.Bucket, u.key, minio.StatObjectOptions{})
	if err == nil && there.Size != u.size {
		err = fmt.Errorf("it has %d bytes, want %d", there.Size, u.size)
	}
	if err != nil {
		return fmt.Errorf("%s was uploaded, but then: %w", u.key, err)
	}
	return nil
}

// open returns the content of u. Its last read fails if the content has changed.
func (u upload) open(ctx context.Context, task *progress.Task) (io.ReadCloser, error) {
	if u.path == "" {
		return io.NopCloser(task.Reader(bytes.NewReader(u.text))), nil
	}
	f, err := regular.Open(u.path)
	if err != nil {
		return nil, err
	}
	return &checked{file: f, from: task.Reader(streams.WithContext(ctx, f)), upload: u, hash: sha256.New()}, nil
}

// A checked is a reader of a file. It returns the last bytes only if the content still has the digest of the upload.
type checked struct {
	upload
	file *os.File
	from io.Reader
	hash hash.Hash
	read int64
}

func (c *checked) Close() error { return c.file.Close() }

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.hash.Write(p[:n])
	c.read += int64(n)
	if n > 0 && c.read >= c.size {
		if found := digest(c.hash.Sum(nil)); found != c.sum {
			return 0, fmt.Errorf("%s changed meanwhile: it was %s, and is %s", c.path, c.sum, found)
		}
	}
	return n, err
}
