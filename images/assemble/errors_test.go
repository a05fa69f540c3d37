package assemble_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestErrorMessages checks messages that have more information than those of engines.
func TestErrorMessages(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile, target string
		want                     []string
	}{
		{"the nearest file", "FROM scratch\nCOPY dir/fiel.txt /\n", "", []string{"Dockerfile:2: COPY dir/fiel.txt: \"dir/fiel.txt\" not found in the build context ", "(did you mean dir/file.txt?)", "     2 | COPY dir/fiel.txt /"}},
		{"the nearest file of a stage", "FROM scratch AS one\nCOPY dir /dir\nFROM scratch\nCOPY --from=one /dir/File.txt /\n", "", []string{`not found in stage "one"`, "(did you mean dir/file.txt?)"}},
		{"the nearest stage", "FROM scratch AS builder\nFROM bulider\n", "", []string{"Dockerfile:2", "(did you mean builder?)"}},
		{"the nearest target", "FROM scratch AS runtime\nFROM scratch AS test\n", "runtme", []string{`target stage "runtme" does not exist (did you mean runtime?); it has runtime, test`}},
		{"no target to name", "FROM scratch\n", "x", []string{`target stage "x" does not exist; it names no stage`}},
		{"the circle", "FROM scratch AS a\nCOPY --from=c /x /\nFROM a AS b\nFROM b AS c\n", "", []string{`stages depend on one another in a circle: "a" needs "c" needs "b" needs "a"`}},
		{"all that has to run", "FROM scratch AS a\nRUN one\nRUN two\nADD https://example.com/x.git /\n", "", []string{"Dockerfile:2: RUN starts a process", "Dockerfile:3: RUN starts", "Dockerfile:4: ADD of a git repository", `needs stage "a"`, "--builder buildkit"}},
		{"a link that leads nowhere", "FROM scratch AS one\nCOPY dir /dir\nFROM scratch\nCOPY --from=one dir/link /\n", "", []string{`"dir/link" not found in stage "one": it is a symlink to "/dir/nowhere", which does not exist`}},
		{"what is in the way", "FROM scratch\nCOPY dir/file.txt /x\nCOPY dir /x/y\n", "", []string{`Dockerfile:3: COPY dir: "/x" is a file, not a folder`}},
		{"an owner", "FROM scratch\nCOPY --chown=me dir /\n", "", []string{`--chown=me: user "me" is not in the image's /etc/passwd; a number needs no entry there`}},
		{"a mode", "FROM scratch\nCOPY --chmod=rwx dir /\n", "", []string{"--chmod=rwx: it is neither an octal number nor a symbolic mode such as u=rwX,go=rX"}},
		{"a frontend", "# syntax=example.com/x\nFROM scratch\n", "", []string{"Dockerfile:1: syntax example.com/x is a separate frontend", "use --builder docker"}},
		{"an instruction before FROM", "LABEL a=b\nFROM scratch\n", "", []string{"Dockerfile:1: no build stage in current context: only ARG may come before the first FROM"}},
		{"a checksum", "FROM scratch\nADD --checksum=sha1:1 http://127.0.0.1:1/x /\n", "", []string{"--checksum=sha1:1: want sha256: and 64 hexadecimal digits"}},
		{"lines of an instruction", "FROM scratch\nCOPY nope \\\n  /to\n", "", []string{"     2 | COPY nope \\\n     3 |   /to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := project(t, map[string]string{"Dockerfile": c.dockerfile, "context/dir/file.txt": "x"})
			testfile.Symlink(t, "nowhere", build.Dir+"/dir/link")
			build.Target = c.target
			_, err := assemble.New(assemble.Options{Layers: inMemory{}, Sources: bases{}}).Assemble(t.Context(), build)
			compareError(t, err, c.want)
			var placed *buildfile.SourceError
			if !errors.As(err, &placed) || placed.File != build.Dockerfile {
				t.Errorf("missing line of the Dockerfile: %v", err)
			}
			if strings.Contains(err.Error(), "failed to solve") {
				t.Errorf("an engine speaks: %v", err)
			}
		})
	}
}
