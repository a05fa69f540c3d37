package workbench

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images/hosts"
)

func TestFlagsAndTheFileSayHowRegistriesAreReached(t *testing.T) {
	c := config.Config{Dir: "/project", Registries: map[string]config.RegistryAccess{
		"a.example":       {Mirrors: []string{"m.example"}},
		"index.docker.io": {CA: "certs/ca.pem", Cert: "/abs/cert.pem", SkipVerify: true},
	}}
	got := Options{CertDirs: []string{"/certs"}, PlainHTTP: []string{"a.example", "b.example:5000"}, Registries: c.HostSettings()}.hosts()
	want := hosts.Options{Dirs: []string{"/certs"}, Settings: map[string]hosts.Setting{
		"a.example":      {PlainHTTP: true, Mirrors: []string{"m.example"}},
		"b.example:5000": {PlainHTTP: true},
		"docker.io":      {CA: filepath.Join("/project", "certs", "ca.pem"), Cert: "/abs/cert.pem", SkipVerify: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
