// Command generate is a registry whose images have hundreds of gigabytes, for benchmarks: it makes the content of layers
// when they are requested, and stores nothing.
//
//	generate HOST:PORT COUNT BYTES
//
// It serves COUNT images, each with one layer, of BYTES bytes in total, of which about three quarters are like the rest.
// When it can be used, it prints their names, NAME:TAG, one per line, and then serves until it is ended.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// An image has its manifest and config; content is the size of its only file.
type image struct {
	content          int64
	manifest, config []byte
	layer            descriptor
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: generate HOST:PORT COUNT BYTES")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err == nil {
		var total int64
		if total, err = strconv.ParseInt(os.Args[3], 10, 64); err == nil {
			err = serve(os.Args[1], count, total)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string, count int, total int64) error {
	list := make([]image, count)
	blobs := map[string]int{}
	work := make(chan int)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range work {
				list[i] = describe(i, total/int64(count))
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	group.Wait()
	for i, m := range list {
		blobs[m.layer.Digest] = i
		blobs[digest(m.config)] = i
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for i := range list {
		fmt.Printf("many/i%04d:v1\n", i)
	}
	os.Stdout.Close()
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/") // /v2/many/i0001/blobs/sha256:…
		switch {
		case r.URL.Path == "/v2/":
		case len(parts) == 6 && parts[4] == "manifests":
			i, err := strconv.Atoi(strings.TrimPrefix(parts[3], "i"))
			if err != nil || i >= count {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", digest(list[i].manifest))
			_, _ = w.Write(list[i].manifest)
		case len(parts) == 6 && parts[4] == "blobs":
			i, ok := blobs[parts[5]]
			if !ok {
				http.NotFound(w, r)
				return
			}
			if parts[5] != list[i].layer.Digest {
				_, _ = w.Write(list[i].config)
				return
			}
			w.Header().Set("Content-Length", strconv.FormatInt(list[i].layer.Size, 10))
			if r.Method != http.MethodHead {
				_ = layer(w, i, list[i].content) // the client has gone
			}
		default:
			http.NotFound(w, r)
		}
	}))
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func describe(i int, content int64) image {
	counted := &counter{hash: sha256.New()}
	_ = layer(counted, i, content) // hashing does not fail
	m := image{content: content, layer: descriptor{"application/vnd.oci.image.layer.v1.tar", fmt.Sprintf("sha256:%x", counted.hash.Sum(nil)), counted.size}}
	m.config = document(map[string]any{"architecture": "amd64", "os": "linux",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{m.layer.Digest}}})
	m.manifest = document(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor{"application/vnd.oci.image.config.v1+json", digest(m.config), int64(len(m.config))},
		"layers": []descriptor{m.layer},
	})
	return m
}

func document(value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // all documents are of types that can be encoded
	}
	return raw
}

type counter struct {
	hash hash.Hash
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return c.hash.Write(p)
}
