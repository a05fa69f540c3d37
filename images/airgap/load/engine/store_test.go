package engine_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/engine"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/engine/docker"
)

// A fakeEngine answers as a Docker Engine does, version 28.
type fakeEngine struct {
	classic bool
	// id is the only image, without a name, and layers has its diff IDs.
	id     string
	layers []string
	// refusals are the errors of the loads, one for each. Later ones succeed.
	refusals []string
	loads    int
	// diesAt is the end of the path of the request at which the Engine goes away.
	diesAt string
	dead   bool
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1.48")
	if f.dead = f.dead || f.diesAt != "" && strings.HasSuffix(path, f.diesAt); f.dead {
		panic(http.ErrAbortHandler) // ends the connection
	}
	switch {
	case path == "/_ping":
		w.Header().Set("Api-Version", "1.48")
	case path == "/info":
		driver := [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
		if f.classic {
			driver = nil
		}
		answer(map[string]any{"ServerVersion": "28.0.0", "DriverStatus": driver})
	case path == "/version":
		answer(map[string]any{"Version": "28.0.0"})
	case path == "/images/json":
		answer([]map[string]any{{"Id": f.id}})
	case path == "/images/"+f.id+"/json":
		answer(map[string]any{"Id": f.id, "RootFS": map[string]any{"Layers": f.layers}})
	case path == "/images/load":
		io.Copy(io.Discard, r.Body)
		if f.loads++; f.loads <= len(f.refusals) {
			w.WriteHeader(http.StatusInternalServerError)
			answer(map[string]any{"message": f.refusals[f.loads-1]})
		}
	case strings.HasSuffix(path, "/tag"):
		w.WriteHeader(http.StatusCreated)
	default:
		http.Error(w, `{"message": "not expected: `+path+`"}`, http.StatusNotFound)
	}
}

// connect connects to a fake Engine.
func (f *fakeEngine) connect(t *testing.T) *engine.Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := engine.Connect(t.Context(), docker.Options{Address: strings.Replace(server.URL, "http://", "tcp://", 1)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// containerd's store lists an index even if it has the images of other platforms only.
func TestLoadIntoContainerdsStore(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{airgaptest.Indexed(t, "docker.io/acme/app:v1", false)}, pack.Options{Layers: "original"})[format.Tar]
	list := plan(t, path)
	if list[0].Index == nil {
		t.Fatal("the archive does not keep the index")
	}
	var own []string
	for _, l := range list[0].Packed.Layers {
		own = append(own, l.DiffID.String())
	}
	for _, c := range []struct {
		name   string
		layers []string
		sent   int
	}{
		{"this platform is there", own, 0},
		{"another platform is there", []string{"sha256:" + strings.Repeat("0", 64)}, 1},
		{"no layer is there", nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeEngine{id: list[0].Target().Digest.String(), layers: c.layers}
			results, err := f.connect(t).Load(t.Context(), list)
			if err != nil || results[0].Status != load.Loaded || f.loads != c.sent {
				t.Errorf("%v, %v, sent %d times; want %d", results, err, f.loads, c.sent)
			}
		})
	}
}

// An Engine that refuses an archive without the layers that it has gets all of them. The reasons of both are reported.
func TestLoadReportsTheFirstError(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 1, 0), pack.Options{})[format.Tar]
	list := plan(t, path)
	base := []string{list[0].Packed.Layers[0].DiffID.String()}
	for n, want := range [][]string{nil, {"no disk", "no layer"}} {
		f := &fakeEngine{classic: true, id: "sha256:" + strings.Repeat("1", 64), layers: base, refusals: []string{"no layer", "no disk"}[:n+1]}
		_, err := f.connect(t).Load(t.Context(), list)
		if (err == nil) != (want == nil) || f.loads != 2 {
			t.Errorf("%d refusals: error %v after %d loads", n+1, err, f.loads)
		}
		for _, part := range want {
			if !strings.Contains(fmt.Sprint(err), part) {
				t.Errorf("%d refusals: error %v lacks %q", n+1, err, part)
			}
		}
	}
}

// Whichever request an Engine does not answer because it goes away, the reason is reported once, and nothing more is
// requested.
func TestLoadReportsALostEngineOnce(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 3, 0), pack.Options{})[format.Tar]
	list := plan(t, path)
	base := []string{list[1].Packed.Layers[0].DiffID.String()}
	id := list[1].Packed.ID.String()
	for _, request := range []string{"/images/json", id + "/tag", id + "/json", "/images/load"} {
		// The Engine has the second image without its name, and the base of the others.
		f := &fakeEngine{classic: true, id: id, layers: base}
		c := f.connect(t)
		f.diesAt = request
		results, err := c.Load(t.Context(), list)
		if n := strings.Count(fmt.Sprint(err), "lost the connection to the engine"); n != 1 || f.loads > 0 {
			t.Errorf("%s: error %v after %d loads", request, err, f.loads)
		}
		for i, r := range results {
			if loaded := i == 1 && !strings.HasSuffix(request, "/tag"); loaded != (r.Status == load.Loaded) || loaded != (r.Err == nil) {
				t.Errorf("%s: image %d is %s, error %v", request, i, r.Status, r.Err)
			}
		}
	}
}
