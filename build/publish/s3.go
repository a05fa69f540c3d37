package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/progress"
)

// An S3 is a bucket of Amazon S3, or of another server with its API, with the settings of its objects.
type S3 struct {
	Bucket string
	// Endpoint is the address of the server, such as https://minio.example.com:9000. Empty means Amazon's.
	Endpoint string
	// Region is the region of the bucket. If it is empty, the server is asked for it.
	Region string
	// AccessKey, SecretKey and SessionToken are the credentials. If AccessKey is empty, the credentials file of AWS's
	// tools or the role of this machine is used.
	AccessKey, SecretKey, SessionToken string
	// ACL is a canned ACL, and CacheControl is the value of that header. Empty means that neither is sent.
	ACL, CacheControl string
	// Overwrite allows replacing objects with other content.
	Overwrite bool

	// transport sends the requests; nil means the client's own.
	transport http.RoundTripper
}

// An Object is a file, and its name in a bucket.
type Object struct {
	Path, Key string
	// Last means that the object is uploaded after all objects without Last.
	Last bool
	// Sum means that Key.sha256sum is uploaded too, after the object. It has the SHA-256 and the name of the file, in
	// the format of sha256sum.
	Sum bool
}

// objectsAtOnce is the number of objects that are transferred at the same time. Each needs a buffer of 16 MiB.
const objectsAtOnce = 4

// Check returns errors for everything that would stop Publish and can be detected without a change: a missing bucket,
// credentials without access, and, unless s.Overwrite, objects with other content. To check write access, it begins an
// upload and aborts it.
func (s S3) Check(ctx context.Context, objects []Object) error {
	b, err := s.open(ctx, objects)
	if err != nil {
		return err
	}
	return b.check(ctx)
}

// Examine returns the number of existing objects with these keys. Like Check, it returns an error for a missing bucket, and
// for credentials without access to it or without write access.
func (s S3) Examine(ctx context.Context, keys []string) (existing int, err error) {
	b, err := s.open(ctx, nil)
	if err != nil {
		return 0, err
	}
	if err := b.find(ctx); err != nil {
		return 0, err
	}
	errs, there := make([]error, len(keys)), make([]bool, len(keys))
	var group errgroup.Group
	group.SetLimit(objectsAtOnce)
	for i, key := range keys {
		group.Go(func() error {
			_, there[i], errs[i] = b.stat(ctx, key)
			return nil
		})
	}
	group.Wait()
	if err := firstRefusal(errs); err != nil {
		return 0, err
	}
	unused := ""
	for i, key := range keys {
		if there[i] {
			existing++
		} else {
			unused = key
		}
	}
	if unused != "" {
		return existing, b.mayWrite(ctx, upload{key: unused})
	}
	return existing, nil
}

// Publish uploads objects. Existing objects with the same content are kept. An object with other content is an error,
// unless s.Overwrite. A run after an error or an interruption completes the work.
func (s S3) Publish(ctx context.Context, objects []Object) error {
	b, err := s.open(ctx, objects)
	if err != nil {
		return err
	}
	return b.publish(ctx)
}

// A bucket is an S3 with a client, and the objects to upload.
type bucket struct {
	S3
	api     *minio.Client
	uploads []upload
}

func (s S3) open(ctx context.Context, objects []Object) (*bucket, error) {
	endpoint, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if s.Endpoint == "" {
		endpoint = &url.URL{Scheme: "https", Host: "s3.amazonaws.com"}
	}
	keys := credentials.NewStaticV4(s.AccessKey, s.SecretKey, s.SessionToken)
	if s.AccessKey == "" {
		keys = credentials.NewChainCredentials([]credentials.Provider{&credentials.FileAWSCredentials{}, &credentials.IAM{}})
		found, err := keys.GetWithContext(&credentials.CredContext{Client: &http.Client{Timeout: 5 * time.Second}})
		if err == nil && found.AccessKeyID == "" {
			err = errors.New("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or credentials of the destination " +
				"(the credentials file of AWS has none, and this machine has no role)")
		}
		if err != nil {
			return nil, fmt.Errorf("missing credentials: %w", err)
		}
	}
	api, err := minio.New(endpoint.Host, &minio.Options{Creds: keys, Secure: endpoint.Scheme == "https", Region: s.Region, Transport: s.transport})
	if err != nil {
		return nil, err
	}
	api.SetAppInfo("slipway", "")
	uploads, err := uploadsOf(ctx, objects)
	return &bucket{s, api, uploads}, err
}

func (b *bucket) check(ctx context.Context) error {
	if err := b.find(ctx); err != nil {
		return err
	}
	errs, missing := make([]error, len(b.uploads)), make([]bool, len(b.uploads))
	var group errgroup.Group
	group.SetLimit(objectsAtOnce)
	for i, u := range b.uploads {
		group.Go(func() error {
			same, err := b.same(ctx, u)
			errs[i], missing[i] = err, err == nil && !same
			return nil
		})
	}
	group.Wait()
	if err := firstRefusal(errs); err != nil {
		return err
	}
	for i, u := range b.uploads {
		if missing[i] {
			return b.mayWrite(ctx, u)
		}
	}
	return nil
}

// find returns an error if the bucket does not exist.
func (b *bucket) find(ctx context.Context) error {
	switch exists, err := b.api.BucketExists(ctx, b.Bucket); {
	case err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusForbidden: // which may be allowed to write only
		return fmt.Errorf("looking up bucket %s: %w%s", b.Bucket, err, s3Hint(err))
	case err == nil && !exists:
		return fmt.Errorf("bucket %s does not exist: create it first", b.Bucket)
	}
	return nil
}

// firstRefusal returns the first error of a server that allows no access, since all others are its repetitions, or all
// errors if there is none.
func firstRefusal(errs []error) error {
	for _, err := range errs {
		if refused := (minio.ErrorResponse{}); errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden {
			return err
		}
	}
	return errors.Join(errs...)
}

// mayWrite begins the upload of an object, and aborts it.
func (b *bucket) mayWrite(ctx context.Context, u upload) error {
	core := minio.Core{Client: b.api}
	id, err := core.NewMultipartUpload(ctx, b.Bucket, u.key, b.options(u))
	if err != nil {
		return fmt.Errorf("checking write access: %w%s", err, s3Hint(err))
	}
	if err := core.AbortMultipartUpload(ctx, b.Bucket, u.key, id); err != nil {
		progress.Warn(ctx, fmt.Sprintf("bucket %s: an upload that was begun to check write access was not aborted: %v: "+
			"allow s3:AbortMultipartUpload, or let a lifecycle rule remove incomplete uploads", b.Bucket, err))
	}
	return nil
}

func (b *bucket) publish(ctx context.Context) error {
	for _, last := range []bool{false, true} {
		errs := make([]error, len(b.uploads))
		var group errgroup.Group
		group.SetLimit(objectsAtOnce)
		for i, u := range b.uploads {
			if u.last != last {
				continue
			}
			group.Go(func() error {
				task := progress.Start(ctx, "upload "+u.key)
				errs[i] = b.put(ctx, u, task)
				task.Done(errs[i])
				return nil
			})
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// s3Hint returns an explanation of an error for which servers give none, or "".
func s3Hint(err error) string {
	switch minio.ToErrorResponse(err).Code {
	case minio.AccessDenied:
		return ": do the credentials allow s3:ListBucket, s3:GetObject and s3:PutObject there (with acl also s3:PutObjectAcl)?"
	case "InvalidAccessKeyId", minio.SignatureDoesNotMatch, "ExpiredToken":
		return ": are the credentials right?"
	case "AccessControlListNotSupported":
		return ": remove acl, and give access by the policy of the bucket"
	}
	return ""
}
