package airgap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/servetest"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// Verify and the commands that read an archive agree on oddities of its tar: a problem of Verify is
// an error or a warning of the commands.
func TestOddTarsAreJudgedAlike(t *testing.T) {
	image := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": "a"}))
	config, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	uncompressed, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(uncompressed)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"acme/a:v1"}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	entry := func(name string, body []byte) imagetest.Entry {
		e := imagetest.Entry{Body: string(body)}
		e.Name = name
		return e
	}
	all := []imagetest.Entry{entry("config.json", config), entry("layer.tar", content), entry("manifest.json", manifest)}
	with := func(more ...imagetest.Entry) []byte { return imagetest.Tar(t, append(all[:3:3], more...)...) }
	prefixed := func(prefix string) []byte {
		var entries []imagetest.Entry
		for _, e := range all {
			e.Name = prefix + e.Name
			entries = append(entries, e)
		}
		return imagetest.Tar(t, entries...)
	}
	other := []byte(strings.Replace(string(manifest), "a:v1", "b:v1", 1))
	const (
		fine   = iota // for both
		warned        // a problem, and a warning
		wrong         // a problem, and an error
	)
	for name, c := range map[string]struct {
		tar  []byte
		want int
		said string
	}{
		"as it should be":                        {with(), fine, ""},
		"names with ./":                          {prefixed("./"), fine, "named with / or ./"},
		"names with /":                           {prefixed("/"), fine, "named with / or ./"},
		"names with ..":                          {prefixed("x/../"), wrong, `contains ".."`},
		"the same manifest twice":                {with(entry("manifest.json", manifest)), fine, "with the same content"},
		"the same layer twice":                   {with(entry("./layer.tar", content)), fine, "with the same content"},
		"another manifest":                       {with(entry("manifest.json", other)), wrong, "with different content"},
		"another config":                         {with(entry("config.json", append(config, ' '))), wrong, "with different content"},
		"a layer of another size":                {with(entry("layer.tar", content[:512])), wrong, "with different content"},
		"another file that no image needs":       {with(entry("VERSION", []byte("1")), entry("VERSION", []byte("1.0"))), fine, "not part of any image"},
		"zeros behind the end":                   {append(with(), make([]byte, 100_000)...), fine, ""},
		"bytes behind the end":                   {append(with(), "hello"...), warned, "5 bytes that are not zero follow"},
		"a second tar behind the end":            {append(with(), with()...), warned, "not zero follow"},
		"no end":                                 {with()[:len(with())-2*format.BlockSize], warned, "the end of the tar is missing"},
		"half of an end":                         {with()[:len(with())-format.BlockSize], warned, "the end of the tar is missing"},
		"a cut":                                  {with()[:len(with())-3*format.BlockSize], wrong, "unexpected EOF"},
		"compressed":                             {airgaptest.Compress(t, format.Gzip, with()), fine, ""},
		"compressed, with zeros behind":          {append(airgaptest.Compress(t, format.Gzip, with()), make([]byte, 1000)...), fine, ""},
		"compressed, with other bytes behind":    {append(airgaptest.Compress(t, format.Gzip, with()), "hello"...), warned, "not compressed data or padding"},
		"compressed, and cut":                    {cut(airgaptest.Compress(t, format.Gzip, with()), 4), warned, "unexpected EOF"},
		"compressed, bytes behind the tar's end": {airgaptest.Compress(t, format.Zstd, append(with(), "hello"...)), warned, "5 bytes that are not zero follow"},
		"compressed, without the tar's end":      {airgaptest.Compress(t, format.Zstd, with()[:len(with())-2*format.BlockSize]), warned, "the end of the tar is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.tar")
			if err := os.WriteFile(path, c.tar, 0o644); err != nil {
				t.Fatal(err)
			}
			report := mustVerify(t, path, verify.Options{})
			if (len(report.Problems) == 0) != (c.want == fine) || !strings.Contains(strings.Join(append(report.Problems, report.Notes...), "\n"), c.said) {
				t.Errorf("verify reports %q, %q", report.Problems, report.Notes)
			}
			a, err := airgap.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			var warnings airgaptest.Warnings
			list, err := a.Images(progress.With(t.Context(), &warnings))
			switch {
			case c.want == wrong && (err == nil || !strings.Contains(err.Error(), c.said)):
				t.Errorf("reading returns %v", err)
			case c.want != wrong && (err != nil || len(list) != 1):
				t.Errorf("reading: %d images, %v", len(list), err)
			case (c.want == warned) != (len(warnings.Said) > 0), c.want == warned && !strings.Contains(warnings.Said[0], c.said):
				t.Errorf("reading warns %q", warnings.Said)
			}
		})
	}
}

// tar -S omits the holes of a layer's file.
func TestSparseLayers(t *testing.T) {
	program := imagetest.Program(t, "tar")
	if out, err := exec.Command(program, "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		testfile.Missing(t, "%s is not GNU tar", program)
	}
	image := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": strings.Repeat("\x00", 1<<20) + "end", "b": "b"}))
	for _, form := range []string{"gnu", "posix"} {
		for _, codec := range []format.Codec{format.Tar, format.Gzip} {
			dir := t.TempDir()
			// The uncompressed layer, with holes on disk, between other files.
			config, err := image.RawConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			layers, err := image.Layers()
			if err != nil {
				t.Fatal(err)
			}
			content, err := layers[0].Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			writeSparse(t, filepath.Join(dir, "layer.tar"), content)
			testfile.Write(t, filepath.Join(dir, "config.json"), string(config))
			testfile.Write(t, filepath.Join(dir, "manifest.json"), `[{"Config": "config.json", "RepoTags": ["acme/a:v1"], "Layers": ["layer.tar"]}]`)
			path := filepath.Join(dir, "sparse.tar")
			if out, err := exec.Command(program, "-S", "--format="+form, "-C", dir, "-cf", path, "layer.tar", "config.json", "manifest.json").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) > 1<<20 {
				testfile.Missing(t, "this file system keeps no holes")
			}
			if codec != format.Tar {
				testfile.Write(t, path, string(airgaptest.Compress(t, codec, raw)))
			}
			if report := mustVerify(t, path, verify.Options{}); len(report.Problems) > 0 {
				t.Errorf("verify reports %q", report.Problems)
			}
			a, err := airgap.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			list, err := a.Images(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%d images, %v", len(list), err)
			}
			packed, err := list[0].Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkLayers(t, packed)
			pulled, err := crane.Pull(servetest.Archives(t, path) + "/acme/a:v1")
			if err != nil {
				t.Fatal(err)
			}
			checkLayers(t, pulled)
		}
	}
}

// checkLayers reads all layers, which must have their digests.
func checkLayers(t *testing.T, image v1.Image) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		want, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := v1.SHA256(r)
		if err := errors.Join(err, r.Close()); err != nil || got != want {
			t.Errorf("layer %s has the digest %s, %v", want, got, err)
		}
	}
}

// writeSparse writes a file that has a hole for each block of zeros.
func writeSparse(t *testing.T, path string, content io.Reader) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block, size := make([]byte, 4096), int64(0)
	for {
		n, err := io.ReadFull(content, block)
		if bytes.Count(block[:n], []byte{0}) < n {
			if _, err := f.WriteAt(block[:n], size); err != nil {
				t.Fatal(err)
			}
		}
		size += int64(n)
		if err != nil {
			break
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

func cut(b []byte, from int) []byte { return b[:len(b)-from] }
