package engine_test

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
)

// TestOldEngine shows that Docker Engine 20.10, whose BuildKit is 0.8, does not receive steps with
// features that it would silently ignore.
func TestOldEngine(t *testing.T) {
	address := imagetest.Docker(t)
	archive := string(imagetest.Tar(t, imagetest.ParseListing(t, `-rw-r--r-- 1:2 file "x"`)...))
	files := map[string]string{"a.txt": "a", "sub/b.md": "b", "x.tar": archive}
	for _, c := range []struct{ line, want string }{
		{"COPY --exclude=*.md . /x/", "--exclude and --parents need BuildKit 0.9"},
		{"COPY --parents sub/b.md /x/", "--exclude and --parents need BuildKit 0.9"},
		{"COPY --chmod=u+x a.txt /x", "a symbolic --chmod needs BuildKit 0.17"},
		{"COPY --chmod=4755 a.txt /x", "needs BuildKit 0.13"},
		{"ADD --chown=1 *.tar /x/", "ADD --chown of an archive needs BuildKit 0.23"},
		{"ADD --chown=1 a.txt /x/", ""},
		{"COPY --chown=1 x.tar /x/", ""},
		{"COPY --chmod=755 a.txt /x", ""},
	} {
		t.Run(strings.Fields(c.line)[1], func(t *testing.T) {
			build := buildOf(t, "FROM scratch\nCOPY a.txt /\n"+c.line+"\n", files)
			_, err := engine.Docker(engine.Options{Address: address, Store: openStore(t)}).Assemble(t.Context(), build)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && err == nil:
				t.Skip("this engine supports all features")
			case c.want != "":
				wantError(t, err, "Dockerfile:3: this engine is too old: ", c.want)
			}
		})
	}
}
