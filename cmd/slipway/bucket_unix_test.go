//go:build unix

package main

import (
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// A bucket is a bucket of an S3 server in memory.
type bucket struct {
	t           *testing.T
	client      *minio.Client
	cache       string // a shared cache in it
	certificate string // the file of the server's certificate
}

func newBucket(t *testing.T) *bucket {
	backend := s3mem.New()
	if err := backend.CreateBucket("release"); err != nil {
		t.Fatal(err)
	}
	// Without TLS, clients send signed chunks, which this server does not understand.
	server := httptest.NewTLSServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Secure: true,
		Region: "us-east-1", Transport: server.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{t: t, client: client, certificate: filepath.Join(t.TempDir(), "s3.pem"),
		cache: "type=s3,bucket=release,prefix=cache,region=us-east-1,access_key_id=key,secret_access_key=secret,endpoint=" + server.URL}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(b.certificate, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// upload copies the files of a folder into the bucket.
func (b *bucket) upload(dir, prefix string) {
	b.t.Helper()
	for name := range sums(b.t, dir) {
		if _, err := b.client.FPutObject(b.t.Context(), "release", prefix+"/"+name, filepath.Join(dir, name), minio.PutObjectOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// download copies what upload has copied into a folder.
func (b *bucket) download(prefix, dir string) {
	b.t.Helper()
	for o := range b.client.ListObjects(b.t.Context(), "release", minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true}) {
		if o.Err != nil {
			b.t.Fatal(o.Err)
		}
		to := filepath.Join(dir, strings.TrimPrefix(o.Key, prefix+"/"))
		if err := b.client.FGetObject(b.t.Context(), "release", o.Key, to, minio.GetObjectOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
}
