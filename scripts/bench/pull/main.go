// Command pull runs the clients of scripts/bench-serve.sh. Each client pulls all images of a
// registry one after another, as a node does: the manifest, then all blobs, which are
// discarded.
//
//	pull HOST:PORT CLIENTS NAME:TAG…
//
// It prints the elapsed seconds, the number of images and the MB of all clients.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type descriptor struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: pull HOST:PORT CLIENTS NAME:TAG…")
		os.Exit(2)
	}
	clients, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var (
		group         sync.WaitGroup
		images, bytes atomic.Int64
		failed        atomic.Int64
		began         = time.Now()
	)
	for i := range clients {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
			for j := range os.Args[3:] {
				n, err := pull(client, os.Args[1], os.Args[3+(i+j)%len(os.Args[3:])])
				bytes.Add(n)
				if err != nil {
					failed.Add(1)
					fmt.Fprintln(os.Stderr, err)
					return
				}
				images.Add(1)
			}
		})
	}
	group.Wait()
	fmt.Printf("%.1f %d %d\n", time.Since(began).Seconds(), images.Load(), bytes.Load()/1e6)
	if failed.Load() > 0 {
		os.Exit(1)
	}
}

// pull reads an image and returns its size in bytes.
func pull(client *http.Client, host, image string) (int64, error) {
	name, tag, _ := strings.Cut(image, ":")
	base := "http://" + host + "/v2/" + name
	raw, err := get(client, base+"/manifests/"+tag, true)
	if err != nil {
		return 0, err
	}
	var manifest struct {
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	if err := json.Unmarshal([]byte(raw), &manifest); err != nil {
		return 0, err
	}
	var total int64
	for _, d := range append(manifest.Layers, manifest.Config) {
		if _, err := get(client, base+"/blobs/"+d.Digest, false); err != nil {
			return total, err
		}
		total += d.Size
	}
	return total, nil
}

// get returns a document, or discards a blob and checks its size.
func get(client *http.Client, url string, keep bool) (string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	if keep {
		raw, err := io.ReadAll(resp.Body)
		return string(raw), err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 64<<10))
	return "", err
}
