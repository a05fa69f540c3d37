package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/go-archive/compression"
	"golang.org/x/mod/semver"
)

// An oldEngine error names a feature that this engine would silently ignore.
type oldEngine struct{ what string }

func (e *oldEngine) Error() string { return "this engine is too old: " + e.what }

// abilities describe the features of an engine.
type abilities struct {
	caps *apicaps.CapSet
	// version is BuildKit's version, such as v0.32; empty if the engine does not report it.
	version string
}

// versionOf returns the BuildKit version that an engine reports, without the patch number, or "".
func versionOf(workers []*buildkit.WorkerInfo) string {
	for _, w := range workers {
		// An engine built without a version reports v0.0.0.
		if v := semver.MajorMinor(w.BuildkitVersion.Version); v != "" && v != "v0.0" {
			return v
		}
	}
	return ""
}

// has reports whether the engine's version is at least version. For an engine that does not report
// its version, it checks for a capability that was added later.
func (a abilities) has(version string, later apicaps.CapID) bool {
	if a.version != "" {
		return semver.Compare(a.version, version) >= 0
	}
	return a.caps.Contains(later)
}

// demands are features of a copy that not every engine supports. Older engines ignore unknown
// features, and BuildKit's client does not check (v0.32: FileOp.Marshal adds no capabilities of
// actions).
var demands = []struct {
	asks func(j *job, c *pb.FileActionCopy, from *pb.Op) bool
	has  func(abilities) bool
	what string
}{
	{func(_ *job, c *pb.FileActionCopy, _ *pb.Op) bool {
		return len(c.IncludePatterns)+len(c.ExcludePatterns) > 0
	},
		func(a abilities) bool { return a.caps.Contains(pb.CapFileCopyIncludeExcludePatterns) },
		"--exclude and --parents need BuildKit 0.9 or Docker Engine 23.0"},
	// BuildKit does not announce its capability for modes such as u+x; this one was added in the
	// same version.
	{func(_ *job, c *pb.FileActionCopy, _ *pb.Op) bool { return c.ModeStr != "" },
		func(a abilities) bool { return a.caps.Contains(pb.CapExecValidExitCode) },
		"a symbolic --chmod needs BuildKit 0.17 or Docker Engine 27.4; an octal one does not"},
	{func(_ *job, c *pb.FileActionCopy, _ *pb.Op) bool { return c.Mode > 0o777 },
		func(a abilities) bool { return a.has("v0.13", pb.CapExecValidExitCode) },
		"--chmod of setuid, setgid or sticky bits needs BuildKit 0.13 or Docker Engine 26.0; this one would leave them out"},
	{unpacksWithOwner,
		func(a abilities) bool { return a.has("v0.23", pb.CapFileCopyRequiredPaths) },
		"ADD --chown of an archive needs BuildKit 0.23 or Docker Engine 28.3.2; this one would leave the archive's owners"},
}

// refuseUnknown returns an error if the engine would silently ignore a feature of op.
func (j *job) refuseUnknown(op *pb.Op, inputs []*pb.Op, a abilities) error {
	for _, action := range op.GetFile().GetActions() {
		c := action.GetCopy()
		if c == nil {
			continue
		}
		var from *pb.Op
		if i := action.SecondaryInput; i >= 0 && i < int64(len(inputs)) {
			from = inputs[i]
		}
		for _, d := range demands {
			if d.asks(j, c, from) && !d.has(a) {
				return &oldEngine{d.what}
			}
		}
	}
	return nil
}

// unpacksWithOwner reports whether c unpacks an archive and changes the owner of its files. Without
// ADD --unpack, which only newer engines receive, only archives of the build context are unpacked.
func unpacksWithOwner(j *job, c *pb.FileActionCopy, from *pb.Op) bool {
	if c.Owner == nil || !c.AttemptUnpackDockerCompatibility || from == nil {
		return false
	}
	if from.GetSource().GetIdentifier() != "local://context" {
		return true
	}
	root := os.DirFS(j.build.Dir)
	pattern := path.Clean("/" + c.Src)[1:]
	names := []string{pattern}
	if c.AllowWildcard {
		names, _ = fs.Glob(root, pattern)
	}
	for _, name := range names {
		if isArchive(root, name) {
			return true
		}
	}
	return false
}

// isArchive reports whether ADD would unpack a file. A compressed file without a tar counts, too:
// to exclude it would require decompressing it with every algorithm that an engine supports.
func isArchive(root fs.FS, name string) bool {
	if info, err := fs.Stat(root, name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	if compression.Detect(head[:n]) != compression.None {
		return true
	}
	_, err = tar.NewReader(bytes.NewReader(head[:n])).Next()
	return err == nil
}
