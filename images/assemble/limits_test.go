package assemble_test

import (
	"archive/tar"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestBombsAreRefused(t *testing.T) {
	big := imagetest.Tar(t, imagetest.Entry{Header: tar.Header{Name: "big", Typeflag: tar.TypeReg, Mode: 0o644}, Body: strings.Repeat("0", 4<<20)})
	var many []imagetest.Entry
	for i := range 2000 {
		many = append(many, imagetest.Entry{Header: tar.Header{Name: "f" + strings.Repeat("x", i%50) + string(rune('a'+i%26)), Typeflag: tar.TypeReg, Mode: 0o644}})
	}
	crowd := imagetest.Tar(t, many...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(big)
	}))
	t.Cleanup(server.Close)
	bigBase := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "", imagetest.TarEntries(t, strings.NewReader(string(big)))...)))
	crowdedBase := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "", many...)))

	for _, c := range []struct {
		name, dockerfile string
		archive          []byte
		want             []string
	}{
		{"a compressed archive", "FROM scratch\nADD a.tar.gz /\n", gzipped(t, big), []string{"Dockerfile:2", "it unpacks to more than 1048576 bytes, which is the limit"}},
		{"an archive of many entries", "FROM scratch\nADD a.tar.gz /\n", gzipped(t, crowd), []string{"Dockerfile:2", "it has more than 1000 entries, which is the limit"}},
		{"a layer of a base", "FROM big\nCOPY a.tar.gz /a\n", nil, []string{"Dockerfile:2", "image big", "it unpacks to more than 1048576 bytes"}},
		{"a layer of many entries", "FROM scratch\nCOPY --from=crowd / /\n", nil, []string{"Dockerfile:2", "image crowd", "it has more than 1000 entries"}},
		{"a download", "FROM scratch\nADD " + server.URL + "/x /\n", nil, []string{"Dockerfile:2", "it has more than 1048576 bytes, which is the limit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			scratch := t.TempDir()
			build := project(t, map[string]string{"Dockerfile": c.dockerfile, "context/a.tar.gz": string(c.archive)})
			_, err := assemble.New(assemble.Options{
				Layers: openStore(t), Sources: bases{"big": bigBase, "crowd": crowdedBase}, TempDir: scratch,
				Limits: assemble.Limits{Bytes: 1 << 20, Entries: 1000},
			}).Assemble(t.Context(), build)
			compareError(t, err, c.want)
			left, err := os.ReadDir(scratch)
			if err != nil || len(left) > 0 {
				t.Errorf("temporary files remain: %v (%v)", left, err)
			}
		})
	}
}

func TestUnreadBaseIsNotLimited(t *testing.T) {
	base := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "",
		imagetest.Entry{Header: tar.Header{Name: "big", Typeflag: tar.TypeReg, Mode: 0o644}, Body: strings.Repeat("0", 4096)})))
	build := project(t, map[string]string{"Dockerfile": "FROM big\nENV A=1\n"})
	img, err := assemble.New(assemble.Options{
		Layers: openStore(t), Sources: bases{"big": base}, Limits: assemble.Limits{Bytes: 1024},
	}).Assemble(t.Context(), build)
	if err != nil {
		t.Fatal(err)
	}
	if layers, err := img.Layers(); err != nil || len(layers) != 1 {
		t.Errorf("%d layers (%v), want the base's one", len(layers), err)
	}
}
