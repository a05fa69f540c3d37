package release

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A stamp records the key and the files of an artifact.
type stamp struct {
	Key   string
	Files []stampedFile
}

type stampedFile struct {
	Path   string // a path of the plan
	Digest v1.Hash
}

// holds reports whether an earlier run made the artifact with the same key, and its files are unchanged.
func (r *Release) holds(ctx context.Context, planned, key string) bool {
	raw, ok := r.bench.Cache.Record(ctx, "artifact", r.path(planned))
	var s stamp
	if !ok || json.Unmarshal(raw, &s) != nil || s.Key != key {
		return false
	}
	have := r.folder.Files(planned)
	for i, f := range s.Files {
		if i >= len(have) || have[i] != f.Path {
			return false
		}
		if digest, _, err := r.fileDigest(ctx, f.Path); err != nil || digest != f.Digest {
			return false
		}
	}
	if len(have) == 0 || len(have) != len(s.Files) {
		return false
	}
	r.stamps.Store(planned, string(raw))
	return true
}

// made reports an artifact, and stamps it if key is not empty.
func (r *Release) made(ctx context.Context, m Made, key string) error {
	s, planned := stamp{Key: key}, m.Path
	for _, file := range r.folder.Files(planned) {
		digest, size, err := r.fileDigest(ctx, file)
		if err != nil {
			return err
		}
		m.Path, m.Digest, m.Size = file, digest.String(), size
		r.report.add(m)
		s.Files = append(s.Files, stampedFile{file, digest})
	}
	if key == "" {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if have, ok := r.stamps.Load(planned); ok && have == string(raw) {
		return nil
	}
	return r.bench.Cache.SetRecord("artifact", r.path(planned), raw)
}

// sourceDigest returns the digest of a file and its size in bytes. Unlike files that Slipway has made, a file of the
// project may be a symbolic link: then they are those of the file that it leads to.
func (r *Release) sourceDigest(ctx context.Context, file string) (v1.Hash, int64, error) {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	info, err := os.Lstat(file)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	digest, err := r.bench.Cache.FileDigest(ctx, file, info)
	return digest, info.Size(), err
}

func (r *Release) fileDigest(ctx context.Context, planned string) (v1.Hash, int64, error) {
	info, err := os.Lstat(r.path(planned))
	if err != nil {
		return v1.Hash{}, 0, err
	}
	digest, err := r.bench.Cache.FileDigest(ctx, r.path(planned), info)
	return digest, info.Size(), err
}
