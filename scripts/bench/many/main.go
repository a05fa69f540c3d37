// Command many writes an OCI image layout with many images, for benchmarks. Each image has
// a config of 6 kB, a layer shared by all images, and a layer of its own.
//
//	many DIR COUNT
//
// It prints their names, NAME:TAG, one per line.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: many DIR COUNT")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = write(os.Args[1], count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string, count int) error {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	blob := func(mediaType string, content []byte) (descriptor, error) {
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		d := descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(content)}
		return d, os.WriteFile(filepath.Join(dir, "blobs", "sha256", sum), content, 0o644)
	}
	document := func(mediaType string, value any) (descriptor, error) {
		raw, err := json.Marshal(value)
		if err != nil {
			return descriptor{}, err
		}
		return blob(mediaType, raw)
	}
	const layerType = "application/vnd.oci.image.layer.v1.tar"
	base, err := blob(layerType, layer("base", bytes.Repeat([]byte("b"), 4096)))
	if err != nil {
		return err
	}
	entries := make([]descriptor, count)
	for i := range entries {
		own, err := blob(layerType, layer("n", fmt.Append(nil, i)))
		if err != nil {
			return err
		}
		config, err := document("application/vnd.oci.image.config.v1+json", map[string]any{
			"architecture": "amd64", "os": "linux",
			"config": map[string]any{"Labels": map[string]string{"of": words(i, 6000)}},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{base.Digest, own.Digest}},
		})
		if err != nil {
			return err
		}
		entry, err := document("application/vnd.oci.image.manifest.v1+json", map[string]any{
			"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"config": config, "layers": []descriptor{base, own},
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("many/i%04d:v1", i)
		fmt.Println(name)
		entry.Annotations = map[string]string{"org.opencontainers.image.ref.name": "docker.io/" + name}
		entries[i] = entry
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": entries})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// layer returns a tar with one file.
func layer(name string, content []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// Writing to memory does not fail.
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

// words are size bytes of words in the order of a seed: text, as configs have it.
func words(seed, size int) string {
	vocabulary := []string{"the ", "node ", "runs ", "image ", "layer ", "of ", "release ", "and ", "digest ", "kube ", "proxy ", "window "}
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString(vocabulary[random.IntN(len(vocabulary))])
		fmt.Fprint(&b, random.Uint32())
	}
	return b.String()[:size]
}
