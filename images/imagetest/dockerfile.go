package imagetest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A DockerfileCase is a Dockerfile, the inputs of its build, and the expected result of every builder. It is read from
// a txtar file, which begins with a sentence that describes the case, and has these parts:
//
//	-- Dockerfile --              the Dockerfile
//	-- context/PATH --            a file of the build context; also any other folder
//	-- setup --                   other files, one per line: chmod 755 PATH;
//	                              mkdir PATH; symlink PATH -> TARGET; hardlink PATH -> PATH;
//	                              fifo PATH; socket PATH; layout DIR REF (an OCI layout of an image below)
//	-- tar PATH --                an archive, as a listing; .gz, .xz and .zst are compressed
//	-- base64 PATH --             a file that is not text
//	-- image REF [PLATFORM] config --   the config of a base image; other members have usual values
//	-- image REF [PLATFORM] layer --    a layer of it, as a listing; "windows-layer" is in Windows form
//	-- options --                 one per line: target: NAME; platform: P; arg: K=V; label: K=V;
//	                              context: NAME=VALUE; dockerfile: PATH; media-types: docker;
//	                              epoch: SECONDS; modes: keep
//	-- want files --              the image's files, with all layers applied
//	-- want layers --             the files of each layer, after a line "layer N"
//	-- want config --             lines of the config, in the format of FormatConfig; all lines with the
//	                              same first word must be equal, other lines are not compared
//	-- want error --              each line is part of the message
//	-- want warnings --           each line is part of a warning
//	-- differs --                 the reason why the result of other builders differs, if it does
//	-- differs docker --          the reason why only the result of an old Docker Engine differs
//
// Files below http/ are served at the address in the build argument HTTP. In options, contents and messages, $CASE is
// the folder of the case.
type DockerfileCase struct {
	// Name is the file's name without .txt, About its first sentence.
	Name, About string
	// Dir is the folder with the case's files.
	Dir string
	// Build is the build to run.
	Build images.BuildContext
	// Images has the base images by reference, as indexes for one or more platforms.
	Images map[string]v1.ImageIndex

	WantFiles, WantLayers, WantConfig string
	WantError, WantWarnings           []string
	// Differs is the reason why the result of other builders differs, and DockerDiffers the reason why only that of an
	// old Docker Engine does.
	Differs, DockerDiffers string

	file string
	text *txtar.Archive
}

// DockerfileCases calls run with each case in dir, as a subtest.
func DockerfileCases(t *testing.T, dir string, run func(*testing.T, *DockerfileCase)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			run(t, readDockerfileCase(t, file))
		})
	}
}

// readDockerfileCase reads a case and writes its files.
func readDockerfileCase(t testing.TB, file string) *DockerfileCase {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &DockerfileCase{
		Name: strings.TrimSuffix(filepath.Base(file), ".txt"), About: strings.TrimSpace(string(archive.Comment)),
		Dir: t.TempDir(), Images: map[string]v1.ImageIndex{}, file: file, text: archive,
	}
	c.Build = images.BuildContext{
		Dir: filepath.Join(c.Dir, "context"), Dockerfile: filepath.Join(c.Dir, "Dockerfile"),
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Epoch: time.Unix(1700000000, 0).UTC(),
		Args: map[string]string{}, Labels: map[string]string{}, Contexts: map[string]string{},
	}
	if err := os.Mkdir(c.Build.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var setup, options string
	bases := map[string][]*base{}
	for _, part := range archive.Files {
		text := strings.ReplaceAll(string(part.Data), "$CASE", c.Dir)
		kind, rest, _ := strings.Cut(part.Name, " ")
		switch kind {
		case "setup":
			setup = string(part.Data)
		case "options":
			options = text
		case "tar":
			c.write(t, rest, compressedAs(t, rest, Tar(t, ParseListing(t, text)...)))
		case "base64":
			data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				t.Fatalf("%s: %v", part.Name, err)
			}
			c.write(t, rest, data)
		case "image":
			readBasePart(t, bases, rest, text)
		case "want":
			c.want(t, rest, text)
		case "differs":
			if rest == "docker" {
				c.DockerDiffers = strings.TrimSpace(text)
			} else {
				c.Differs = strings.TrimSpace(text)
			}
		default:
			if strings.Contains(part.Name, " ") {
				t.Fatalf("%s: unknown parts %q", file, part.Name)
			}
			c.write(t, part.Name, []byte(text))
		}
	}
	for ref, platforms := range bases {
		var all []v1.Image
		for _, b := range platforms {
			all = append(all, b.image(t))
		}
		c.Images[ref] = Index(t, all...)
	}
	for line := range strings.Lines(setup) {
		if line = strings.TrimSpace(line); line != "" {
			c.setUp(t, line)
		}
	}
	for line := range strings.Lines(options) {
		if line = strings.TrimSpace(line); line != "" {
			c.option(t, line)
		}
	}
	if served := filepath.Join(c.Dir, "http"); isFolder(served) {
		server := httptest.NewServer(http.FileServer(http.Dir(served)))
		t.Cleanup(server.Close)
		c.Build.Args["HTTP"] = server.URL
	}
	return c
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// write writes a file with mode 0644, and creates folders with mode 0755, whatever the umask.
func (c *DockerfileCase) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if strings.ContainsAny(name, `<>:"|?*`) {
		notOnWindows(t, name+" is not a name there")
	}
	c.mkdir(t, filepath.Dir(filepath.FromSlash(name)))
	full := filepath.Join(c.Dir, filepath.FromSlash(name))
	if err := os.WriteFile(full, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(full, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (c *DockerfileCase) mkdir(t testing.TB, name string) {
	t.Helper()
	if name == "." || isFolder(filepath.Join(c.Dir, name)) {
		return
	}
	c.mkdir(t, filepath.Dir(name))
	full := filepath.Join(c.Dir, name)
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(full, 0o755); err != nil {
		t.Fatal(err)
	}
}

func compressedAs(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz", ".tgz":
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(data, nil)
	default:
		return data
	}
	return b.Bytes()
}

// want reads a part with an expected result.
func (c *DockerfileCase) want(t testing.TB, what, text string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	switch what {
	case "files":
		c.WantFiles = text
	case "layers":
		c.WantLayers = text
	case "config":
		c.WantConfig = text
	case "error":
		c.WantError = lines
	case "warnings":
		c.WantWarnings = lines
	default:
		t.Fatalf("%s: unknown part: want %s", c.file, what)
	}
}

func (c *DockerfileCase) setUp(t testing.TB, line string) {
	t.Helper()
	fields := strings.Fields(line)
	for i := range fields {
		fields[i] = strings.ReplaceAll(fields[i], "$CASE", c.Dir)
	}
	at := func(i int) string {
		if i >= len(fields) {
			t.Fatalf("setup: missing word in %q", line)
		}
		return filepath.Join(c.Dir, filepath.FromSlash(fields[i]))
	}
	var err error
	switch fields[0] {
	case "mkdir":
		c.mkdir(t, filepath.FromSlash(fields[1]))
	case "chmod":
		notOnWindows(t, "files have no modes")
		var mode uint64
		if mode, err = strconv.ParseUint(fields[1], 8, 32); err == nil {
			err = os.Chmod(at(2), fileMode(mode))
		}
	case "symlink":
		c.mkdir(t, filepath.Dir(filepath.FromSlash(fields[1])))
		testfile.Symlink(t, fields[3], at(1))
	case "hardlink":
		notOnWindows(t, "names of one file are files of their own")
		err = os.Link(at(3), at(1))
	case "fifo":
		notOnWindows(t, "folders hold no named pipes")
		err = makeFifo(at(1))
	case "socket":
		notOnWindows(t, "not every version has sockets in folders")
		// The path of a socket must be short, so it is bound from its folder.
		err = bindSocket(at(1))
	case "layout":
		var path layout.Path
		c.mkdir(t, filepath.FromSlash(fields[1]))
		if path, err = layout.Write(at(1), empty.Index); err == nil {
			err = path.AppendIndex(c.Images[fields[2]], layout.WithAnnotations(map[string]string{
				"org.opencontainers.image.ref.name": fields[2],
			}))
		}
		delete(c.Images, fields[2])
	default:
		t.Fatalf("setup: unknown command %q", line)
	}
	if err != nil {
		t.Fatalf("setup: %s: %v", line, err)
	}
}

func notOnWindows(t testing.TB, reason string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip(reason)
	}
}

func fileMode(mode uint64) os.FileMode {
	m := os.FileMode(mode & 0o777)
	for bit, flag := range map[uint64]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}

func bindSocket(name string) error {
	address := &net.UnixAddr{Name: name, Net: "unix"}
	listener, err := net.ListenUnix("unix", address)
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	return listener.Close()
}

func (c *DockerfileCase) option(t testing.TB, line string) {
	t.Helper()
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	name, rest, _ := strings.Cut(value, "=")
	switch key {
	case "target":
		c.Build.Target = value
	case "platform":
		c.Build.Platform = Platform(t, value)
	case "arg":
		c.Build.Args[name] = rest
	case "label":
		c.Build.Labels[name] = rest
	case "context":
		c.Build.Contexts[name] = rest
	case "dockerfile":
		c.Build.Dockerfile = filepath.Join(c.Dir, filepath.FromSlash(value))
	case "media-types":
		c.Build.Format.MediaTypes = images.MediaTypes(value)
	case "compression":
		c.Build.Format.Compression.Algorithm = value
	case "modes":
		c.Build.Modes = images.Modes(value)
	case "epoch":
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Build.Epoch = time.Unix(seconds, 0).UTC()
		if seconds < 0 {
			c.Build.Epoch = time.Time{}
		}
	default:
		t.Fatalf("options: unknown option %q", line)
	}
}

// A base is a base image of a case.
type base struct {
	platform string
	config   string
	layers   []v1.Layer
}

func readBasePart(t testing.TB, bases map[string][]*base, name, text string) {
	t.Helper()
	words := strings.Fields(name)
	if len(words) < 2 || len(words) > 3 {
		t.Fatalf("image %s: want REF [PLATFORM] config or layer", name)
	}
	ref, platform, part := words[0], "linux/amd64", words[len(words)-1]
	if len(words) == 3 {
		platform = words[1]
	}
	i := slices.IndexFunc(bases[ref], func(b *base) bool { return b.platform == platform })
	if i < 0 {
		i = len(bases[ref])
		bases[ref] = append(bases[ref], &base{platform: platform})
	}
	b := bases[ref][i]
	switch part {
	case "config":
		b.config = text
	case "layer":
		b.layers = append(b.layers, LayerOf(t, types.OCILayer, ParseListing(t, text)...))
	case "foreign-layer":
		l := LayerOf(t, types.DockerForeignLayer, ParseListing(t, text)...)
		b.layers = append(b.layers, foreign{l, []string{"http://127.0.0.1/foreign"}})
	case "windows-layer":
		b.layers = append(b.layers, LayerOf(t, types.OCILayer, windowsEntries(ParseListing(t, text)...)...))
	default:
		t.Fatalf("image %s: want config or layer", name)
	}
}

func (b *base) image(t testing.TB) v1.Image {
	t.Helper()
	img := Image(t, b.platform, b.layers...)
	if b.config == "" {
		return img
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	if err := json.Unmarshal([]byte(b.config), &file.Config); err != nil {
		t.Fatalf("the config of a base: %v", err)
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

// FormatConfig returns the config of img as sorted lines, one per value, except for the history, which comes last.
func FormatConfig(t testing.TB, img v1.Image) string {
	t.Helper()
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var lines []string
	add := func(key string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, key+" "+strings.Trim(unescapeHTML(string(text)), `"`))
	}
	for key, value := range file {
		switch key {
		case "config":
			for name, value := range value.(map[string]any) {
				flattenValue(name, value, add)
			}
		case "rootfs", "history", "moby.buildkit.cache.v0", "moby.buildkit.buildinfo.v1":
		default:
			add(key, value)
		}
	}
	slices.Sort(lines)
	history, _ := file["history"].([]any)
	for _, h := range history {
		entry := h.(map[string]any)
		by, _ := entry["created_by"].(string)
		if empty, _ := entry["empty_layer"].(bool); empty {
			by = "(empty) " + by
		}
		lines = append(lines, "history "+by)
	}
	return strings.Join(lines, "\n") + "\n"
}

// flattenValue calls add for each entry of a list or map.
func flattenValue(name string, value any, add func(string, any)) {
	switch v := value.(type) {
	case []any:
		if name == "Env" {
			for _, e := range v {
				add(name, e)
			}
			return
		}
		add(name, value)
	case map[string]any:
		if name == "Healthcheck" {
			add(name, value)
			return
		}
		for key, e := range v {
			if inner, ok := e.(map[string]any); ok && len(inner) == 0 {
				add(name, key)
			} else {
				add(name, fmt.Sprintf("%s=%v", key, e))
			}
		}
	default:
		add(name, value)
	}
}

func unescapeHTML(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\"`, `"`, `\\`, `\`).Replace(s)
}

// CompareConfig compares the config of img with want. For each first word of a line in want, all lines that begin with
// it must be equal.
func CompareConfig(t testing.TB, img v1.Image, want string) {
	t.Helper()
	have := map[string][]string{}
	for line := range strings.Lines(FormatConfig(t, img)) {
		key, _, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		have[key] = append(have[key], strings.TrimSpace(line))
	}
	wanted := map[string][]string{}
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		if wanted[key] == nil {
			wanted[key] = []string{}
		}
		if rest != "(none)" {
			wanted[key] = append(wanted[key], line)
		}
	}
	for key, lines := range wanted {
		if !slices.Equal(lines, have[key]) {
			t.Errorf("config, %s:\n got %s\nwant %s", key, strings.Join(have[key], "\n     "), strings.Join(lines, "\n     "))
		}
	}
}

// Rewrite replaces parts of the case's file, by name; it is for -update flags.
func (c *DockerfileCase) Rewrite(t testing.TB, parts map[string]string) {
	t.Helper()
	for i := range c.text.Files {
		if text, ok := parts[c.text.Files[i].Name]; ok {
			c.text.Files[i].Data = []byte(text)
		}
	}
	if err := os.WriteFile(c.file, txtar.Format(c.text), 0o644); err != nil {
		t.Fatal(err)
	}
}
