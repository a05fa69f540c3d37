package runtimes

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name    Runtime
		address string
		want    Runtime
		err     string
	}{
		{"", "/run/k3s/containerd/containerd.sock", Containerd, ""},
		{"", "/run/docker/containerd/containerd.sock", Containerd, ""},
		{"", "unix:///var/run/docker.sock", Docker, ""},
		{"", "tcp://127.0.0.1:2375", Docker, ""},
		{"", "/run/user/1000/podman/podman.sock", Podman, ""},
		{"", `\\.\pipe\containerd-containerd`, Containerd, ""},
		{Podman, "/run/docker.sock", Podman, ""},
		{"crio", "", "", "--runtime crio: want containerd, docker, podman"},
	} {
		got, err := find(t.Context(), c.name, c.address, 0)
		if got.name != c.want || c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err) {
			t.Errorf("--runtime %q --address %q: %q, %v; want %q, %q", c.name, c.address, got.name, err, c.want, c.err)
		}
	}
}

// Flags of containerd are not ignored by other runtimes. They are checked before anything is sent.
func TestFlagsOfContainerd(t *testing.T) {
	dir := t.TempDir()
	path, err := airgaptest.WriteExample(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(t.Context(), Job{Archives: []string{path}, Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}, Runtime: Docker, Address: "unix:///nowhere.sock", Given: []string{"--no-pin"}})
	if err == nil || !strings.Contains(err.Error(), "--no-pin: only containerd has that, and the runtime is docker") {
		t.Errorf("error %v", err)
	}
}

// Podman may have the socket of a Docker Engine. Without --runtime, what answers is right.
func TestWhatAnswers(t *testing.T) {
	path, err := airgaptest.WriteExample(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/info"):
			fmt.Fprint(w, `{"ServerVersion": "4.3.1"}`)
		case strings.HasSuffix(r.URL.Path, "/version"):
			fmt.Fprint(w, `{"Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}`)
		case strings.HasSuffix(r.URL.Path, "/images/json"):
			fmt.Fprint(w, `[]`)
		default:
			io.Copy(io.Discard, r.Body)
		}
	}))
	defer server.Close()
	address := strings.Replace(server.URL, "http://", "tcp://", 1)
	for name, want := range map[Runtime]string{"": "", Podman: "", Docker: "--runtime docker: podman answers at " + address} {
		report, err := Load(t.Context(), Job{Archives: []string{path}, Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}, Runtime: name, Address: address})
		if want == "" && (err != nil || report.Runtime != Podman) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("--runtime %q: %+v, error %v, want %q", name, report, err, want)
		}
	}
}
