package gocache

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// helperCache is the variable with the folders of the caches, own and shared, of a test that runs this program as a
// helper of go.
const helperCache = "SLIPWAY_TEST_GOCACHE"

func TestMain(m *testing.M) {
	own, shared, ok := strings.Cut(os.Getenv(helperCache), "|")
	if !ok {
		os.Exit(m.Run())
	}
	if err := help(own, shared); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// help is the helper of go.
func help(own, shared string) error {
	ctx := context.Background()
	content, err := store.Open(own)
	if err != nil {
		return err
	}
	defer content.Close()
	c, err := signed(shared)
	if err != nil {
		return err
	}
	defer c.Close()
	content.Use(c, ActionKind)
	return Serve(ctx, content, os.Stdin, os.Stdout, func() { c.Flush(ctx) })
}

// signed returns a shared cache with a key, which is the same in every process.
func signed(dir string) (*cache.Cache, error) {
	raw, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return nil, err
	}
	key, err := sign.NewPrivateKey(raw)
	if err != nil {
		return nil, err
	}
	place := places.NewFolder(dir)
	return cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}, Trusted: []*sign.PublicKey{key.PublicKey()},
		Signer: func() (sign.Signer, error) { return key, nil }}), nil
}

// A second machine compiles nothing that the first one has compiled, and gets the same program.
func TestAFreshMachineTakesWhatWasCompiled(t *testing.T) {
	goProgram := imagetest.Program(t, "go")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	source, shared := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/x\n\ngo 1.21\n",
		"main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func(machine string) (program []byte, compiled int) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "x")
		cmd := exec.Command(goProgram, "build", "-x", "-trimpath", "-o", out, ".")
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "GOCACHEPROG="+self, helperCache+"="+machine+"|"+shared, "GOFLAGS=", "CGO_ENABLED=0", "GOCACHE="+filepath.Join(machine, "go"))
		log, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return raw, strings.Count(string(log), filepath.Join("pkg", "tool")) // each runs compile, asm or link
	}
	first, compiled := build(t.TempDir())
	second, again := build(t.TempDir())
	if !bytes.Equal(first, second) {
		t.Error("the programs differ")
	}
	if compiled < 20 || again > compiled/4 {
		t.Errorf("the first machine ran %d tools, and the second %d", compiled, again)
	}
}

// A conversation is a sequence of requests, as go writes them.
type conversation struct{ bytes.Buffer }

func (c *conversation) send(t *testing.T, r request, body string) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "%s\n\n", raw)
	if body != "" {
		fmt.Fprintf(c, "%q\n", base64.StdEncoding.EncodeToString([]byte(body)))
	}
}

func put(id int64, action, body string) request {
	sum := sha256.Sum256([]byte(body))
	return request{ID: id, Command: "put", ActionID: []byte(action), OutputID: sum[:], BodySize: int64(len(body))}
}

// talk returns the answers to a conversation, by ID.
func talk(t *testing.T, content Content, c *conversation) map[int64]response {
	t.Helper()
	var out bytes.Buffer
	if err := Serve(t.Context(), content, c, &out, func() {}); err != nil {
		t.Fatal(err)
	}
	answers := map[int64]response{}
	d := json.NewDecoder(&out)
	for {
		var r response
		if err := d.Decode(&r); err == io.EOF {
			return answers
		} else if err != nil {
			t.Fatal(err)
		}
		answers[r.ID] = r
	}
}

func TestPutAndGet(t *testing.T) {
	content := airgaptest.NewStore(t)
	large := imagetest.Words(1, 3<<20)
	var c conversation
	c.send(t, put(1, "empty", ""), "")
	c.send(t, put(2, "large", large), large)
	c.send(t, put(3, "the same output", large), large)
	wrong := put(4, "wrong", large)
	wrong.OutputID[0]++
	c.send(t, wrong, large)
	short := put(5, "short", "body")
	short.BodySize = 3
	c.send(t, short, "body")
	c.send(t, request{ID: 6, Command: "dance"}, "")
	c.send(t, request{ID: 7, Command: "close"}, "")
	answers := talk(t, content, &c)
	for id, want := range map[int64]string{1: "", 2: "", 3: "", 4: "want 3145728 bytes with the SHA-256 of its name", 5: "want 3 bytes", 6: `unknown command "dance"`, 7: ""} {
		if got := answers[id].Err; want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("answer %d has the error %q, want %q", id, got, want)
		}
	}
	var again conversation
	for i, action := range []string{"empty", "large", "the same output", "wrong", "short", "unknown"} {
		again.send(t, request{ID: int64(i + 1), Command: "get", ActionID: []byte(action)}, "")
	}
	again.send(t, request{ID: 9, Command: "close"}, "")
	answers = talk(t, content, &again)
	for id, want := range map[int64]string{1: "", 2: large, 3: large} {
		raw, err := os.ReadFile(answers[id].DiskPath)
		if err != nil || string(raw) != want || answers[id].Size != int64(len(want)) || answers[id].Time == nil {
			t.Errorf("answer %d has %d bytes (%v), want %d", id, len(raw), err, len(want))
		}
	}
	for _, id := range []int64{4, 5, 6} {
		if !answers[id].Miss {
			t.Errorf("answer %d is %+v, want a miss", id, answers[id])
		}
	}
}

// A go command that is interrupted leaves half a request.
func TestHalfARequest(t *testing.T) {
	for _, text := range []string{"", "\n", `{"ID":1,"Command":"put","ActionID":"YQ==","OutputID":"YQ==","BodySize":4}` + "\n\n\"Ym"} {
		if err := Serve(t.Context(), airgaptest.NewStore(t), strings.NewReader(text), io.Discard, func() {}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := Serve(t.Context(), airgaptest.NewStore(t), strings.NewReader("{]\n"), io.Discard, func() {}); err == nil {
		t.Error("Serve accepted a request that is not JSON")
	}
}

// Without a key, shared caches have no actions: anybody could have written them.
func TestActionsNeedASignature(t *testing.T) {
	shared := t.TempDir()
	for round, want := range []bool{false, true} {
		place := places.NewFolder(shared)
		newMachine := func() (Content, *cache.Cache) {
			s := airgaptest.NewStore(t)
			c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
			if want {
				var err error
				if c, err = signed(shared); err != nil {
					t.Fatal(err)
				}
			}
			s.Use(c, ActionKind)
			return s, c
		}
		content, c := newMachine()
		var first, second conversation
		first.send(t, put(1, "action", "body"), "body")
		first.send(t, request{ID: 2, Command: "close"}, "")
		talk(t, content, &first)
		c.Flush(t.Context())
		c.Close()
		content, c = newMachine()
		second.send(t, request{ID: 1, Command: "get", ActionID: []byte("action")}, "")
		second.send(t, request{ID: 2, Command: "close"}, "")
		if got := !talk(t, content, &second)[1].Miss; got != want {
			t.Errorf("round %d: found: %v, want %v", round, got, want)
		}
		c.Close()
	}
}
