package places

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/cache"
)

// S3Options name a bucket of Amazon S3, or of another server with its API.
type S3Options struct {
	Bucket string
	// Prefix is the folder of the cache in the bucket; it may be empty.
	Prefix string
	// Endpoint is the address of the server, such as https://minio.example.com:9000. Empty means Amazon's.
	Endpoint string
	// Region is the region of the bucket. If it is empty, the server is asked for it.
	Region string
	// AccessKey, SecretKey and SessionToken are the credentials. If AccessKey is empty, the credentials file of AWS's
	// tools or the role of this machine is used.
	AccessKey, SecretKey, SessionToken string

	// transport sends the requests; nil means the client's own.
	transport http.RoundTripper
}

// A Bucket is a cache in a bucket of S3.
type Bucket struct {
	options S3Options
	api     *minio.Client
}

var _ cache.Place = (*Bucket)(nil)

// NewBucket returns the cache in a bucket. It sends no request.
func NewBucket(o S3Options) (*Bucket, error) {
	address := o.Endpoint
	if address == "" {
		address = "https://s3.amazonaws.com"
	}
	endpoint, err := url.Parse(address)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("endpoint %q: want an address such as https://minio.example.com:9000", o.Endpoint)
	}
	keys := credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken)
	if o.AccessKey == "" {
		keys = credentials.NewChainCredentials([]credentials.Provider{&credentials.FileAWSCredentials{}, &credentials.IAM{}})
	}
	api, err := minio.New(endpoint.Host, &minio.Options{Creds: keys, Secure: endpoint.Scheme == "https", Region: o.Region, MaxRetries: attempts, Transport: o.transport})
	if err != nil {
		return nil, err
	}
	api.SetAppInfo("slipway", "")
	return &Bucket{o, api}, nil
}

// attempts is how often a request to a bucket is sent if the server cannot be reached, or answers with an error of its
// own such as 503.
const attempts = 4

func (b *Bucket) String() string {
	return "s3://" + path.Join(b.options.Bucket, b.options.Prefix)
}

func (b *Bucket) key(kind, name string) string {
	return path.Join(b.options.Prefix, version, kind, name)
}

func (b *Bucket) blobKey(digest v1.Hash) string {
	return b.key("blobs", digest.Algorithm+"/"+digest.Hex)
}

// list calls each with the names below a folder.
func (b *Bucket) list(ctx context.Context, folder string, each func(name string, modified time.Time)) error {
	ctx, cancel := context.WithCancel(ctx) // ends the goroutine of the client
	defer cancel()
	for o := range b.api.ListObjects(ctx, b.options.Bucket, minio.ListObjectsOptions{Prefix: folder + "/", Recursive: true}) {
		if o.Err != nil {
			return absence(o.Err)
		}
		if name := strings.TrimPrefix(o.Key, folder+"/"); isName(name) {
			each(name, o.LastModified)
		}
	}
	return ctx.Err()
}

// Segments implements cache.Place.
func (b *Bucket) Segments(ctx context.Context) (names []string, err error) {
	err = b.list(ctx, b.key("segments", ""), func(name string, _ time.Time) { names = append(names, name) })
	return names, err
}

// Segment implements cache.Place.
func (b *Bucket) Segment(ctx context.Context, name string) ([]byte, error) {
	r, err := b.get(ctx, b.key("segments", name))
	if err != nil {
		return nil, err
	}
	return readSegment(r)
}

// blobsAtOnce is the number of blobs that are uploaded at the same time.
const blobsAtOnce = 4

// AddSegment implements cache.Place.
func (b *Bucket) AddSegment(ctx context.Context, name string, raw []byte, blobs []cache.Content, _ []cache.Blob) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(blobsAtOnce)
	for _, blob := range blobs {
		group.Go(func() error { return b.add(groupCtx, blob) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.put(ctx, b.key("segments", name), int64(len(raw)), cache.InMemory(raw), false)
}

func (b *Bucket) add(ctx context.Context, blob cache.Content) error {
	key := b.blobKey(blob.Digest)
	if !blob.Again {
		if info, err := b.api.StatObject(ctx, b.options.Bucket, key, minio.StatObjectOptions{}); err == nil && info.Size == blob.Size {
			return nil
		}
	}
	r, err := blob.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return b.put(ctx, key, blob.Size, r, blob.Again)
}

// put writes an object. The client begins again with the first byte of r. Unless it replaces one, a server that knows If-None-Match keeps an object that another writer
// has written meanwhile, whose content is the same.
func (b *Bucket) put(ctx context.Context, key string, size int64, r io.ReadSeeker, replace bool) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: size < 5<<30}
	if !replace {
		options.SetMatchETagExcept("*")
	}
	_, err := b.api.PutObject(ctx, b.options.Bucket, key, r, size, options)
	if status := minio.ToErrorResponse(err).StatusCode; status == http.StatusPreconditionFailed || status == http.StatusConflict {
		return nil
	}
	return err
}

// RemoveSegment implements cache.Place.
func (b *Bucket) RemoveSegment(ctx context.Context, name string) error {
	return b.api.RemoveObject(ctx, b.options.Bucket, b.key("segments", name), minio.RemoveObjectOptions{})
}

// Open implements cache.Place.
func (b *Bucket) Open(ctx context.Context, blob cache.Blob) (io.ReadCloser, error) {
	return b.get(ctx, b.blobKey(blob.Digest))
}

func (b *Bucket) get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, _, _, err := minio.Core{Client: b.api}.GetObject(ctx, b.options.Bucket, key, minio.GetObjectOptions{})
	return r, absence(err)
}

// Blobs implements cache.Place.
func (b *Bucket) Blobs(ctx context.Context) (map[v1.Hash]time.Time, error) {
	blobs := map[v1.Hash]time.Time{}
	err := b.list(ctx, b.key("blobs", "sha256"), func(name string, modified time.Time) {
		blobs[v1.Hash{Algorithm: "sha256", Hex: name}] = modified
	})
	return blobs, err
}

// RemoveBlob implements cache.Place.
func (b *Bucket) RemoveBlob(ctx context.Context, digest v1.Hash) error {
	return b.api.RemoveObject(ctx, b.options.Bucket, b.blobKey(digest), minio.RemoveObjectOptions{})
}

// absence returns an error that wraps fs.ErrNotExist if an object does not exist.
func absence(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.Code == minio.NoSuchKey {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
