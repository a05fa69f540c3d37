package assemble_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A group may have so many members that its line exceeds any buffer.
func TestLongLinesOfUserFilesAreRead(t *testing.T) {
	members := strings.Repeat("member,", 30_000)
	base := imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "",
		imagetest.Entry{Header: tar.Header{Name: "etc/group"}, Body: "root:x:0:\nmany:x:7:" + members + "\nlast:x:8:"},
		imagetest.Entry{Header: tar.Header{Name: "etc/passwd"}, Body: "long:x:5:6:" + members + ":/:\napp:x:9:10::/:\n"}))
	b := project(t, map[string]string{
		"Dockerfile": "FROM base\nCOPY --chown=app:many a /1\nCOPY --chown=long:last a /2\nCOPY --chown=app a /3\n", "context/a": "a",
	})
	img, err := assemble.New(assemble.Options{Layers: openStore(t), Sources: bases{"base": imagetest.Index(t, base)}}).Assemble(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entries := range imagetest.LayerEntries(t, img)[1:] {
		got = append(got, imagetest.FormatListing(entries))
	}
	want := imagetest.HostModes("-rw-r--r-- 9:7 1 \"a\"\n-rw-r--r-- 5:8 2 \"a\"\n-rw-r--r-- 9:10 3 \"a\"\n")
	if listing := strings.Join(got, ""); listing != want {
		t.Errorf("the files are\n%swant\n%s", listing, want)
	}
}
