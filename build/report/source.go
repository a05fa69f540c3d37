package report

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/slipway-build/slipway/build/rebuild"
	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Source is a release to describe.
type Source struct {
	// Close ends its use.
	Close func() error
	// known is the report that the source is, or nil.
	known *Document
	// files has the files of the release. It is nil if known is not.
	files *rebuild.Earlier
}

// Open opens a release: a report, or what rebuild.OpenEarlier opens.
func Open(ctx context.Context, where string, o release.Options) (*Source, error) {
	if info, err := os.Stat(where); err == nil && !info.IsDir() {
		raw, err := regular.ReadFile(where)
		if err != nil {
			return nil, err
		}
		known, err := Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", redact.Text(where), err)
		}
		if known.complete() {
			return &Source{known: known, Close: func() error { return nil }}, nil
		}
	}
	files, err := rebuild.OpenEarlier(ctx, where, o)
	if err != nil {
		return nil, err
	}
	return &Source{files: files, Close: files.Close}, nil
}

// complete reports whether r is a report, and not an artifacts.json.
func (r *Document) complete() bool { return r.Images != nil || r.Archives != nil }

// locate returns the path or URL of a file. The error is fs.ErrNotExist if the source is only data, or known not to have it.
func (s *Source) locate(ctx context.Context, path string) (string, error) {
	if s.files == nil {
		return "", fs.ErrNotExist
	}
	return s.files.Locate(ctx, release.Made{Path: path})
}

// Read describes the release.
func (s *Source) Read(ctx context.Context) (*Document, error) {
	if s.known != nil {
		return s.known, nil
	}
	made := s.files.Report()
	r := &Document{Project: made.Project, Release: made.Release, Made: made.Made, Images: []SizedImage{}, Archives: []SizedArchive{}, Packages: []Software{}, Runs: []*record.Record{}, Notes: []string{}}
	for i := range r.Made {
		r.Made[i].Bases = nil // they are of no use here, and long
	}
	c := &collector{source: s, report: r}
	c.images(ctx)
	c.archives(ctx)
	c.packages(ctx)
	r.Shared = shared(r)
	return r, ctx.Err()
}
