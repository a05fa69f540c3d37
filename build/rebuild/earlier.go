package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compare"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
)

// An Earlier is a release that was made before, with its artifacts.json.
type Earlier struct {
	report release.Report
	// side has the files of the release.
	side side
	// Close ends its use.
	Close func() error
}

// OpenEarlier opens the dist of a release, a folder or URL with its published files, or its artifacts.json alone. At most
// limit bytes are downloaded; 0 means compare.DefaultLimit.
func OpenEarlier(ctx context.Context, where string, limit int64) (*Earlier, error) {
	e := &Earlier{Close: nothing}
	name := path.Base(output.ReportFile)
	if limit <= 0 {
		limit = compare.DefaultLimit
	}
	if isURL(where) {
		site, err := openWebsite(where, limit)
		if err != nil {
			return nil, err
		}
		file, _, err := site.File(ctx, release.Made{Path: name})
		if err == nil {
			err = e.readReport(file)
		}
		if err != nil {
			site.Close()
			return nil, fmt.Errorf("%w: a release without a published %s cannot be compared; name that of its build", err, name)
		}
		e.side, e.Close = site, site.Close
		return e, nil
	}
	file := where
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		file = filepath.Join(where, name)
	}
	if err := e.readReport(file); err != nil {
		return nil, fmt.Errorf("%w: want a dist, its %s, or the URL of a release that has it", err, name)
	}
	d := &dist{folder: output.Folder{Dist: filepath.Dir(file)}}
	if _, err := os.Stat(d.folder.Path("dist/artifacts")); err != nil && !d.hasLayout() {
		e.side = folder(filepath.Dir(file)) // of published files
		return e, nil
	}
	e.side = d
	return e, d.openLayout()
}

func (e *Earlier) readReport(file string) error {
	raw, err := regular.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &e.report)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", redact.Text(file), err)
	}
	return nil
}

// Report returns its artifacts.json.
func (e *Earlier) Report() release.Report { return e.report }

// Lines returns the lines of one of its lists. The error is fs.ErrNotExist if it does not have the list.
func (e *Earlier) Lines(ctx context.Context, list release.Made) ([]string, error) {
	file, done, err := e.side.File(ctx, list)
	if err != nil {
		return nil, err
	}
	defer done()
	raw, err := regular.ReadFile(file)
	return strings.Fields(string(raw)), err
}

// File returns the path of a file of the release. done removes it, if it is a copy. The error is fs.ErrNotExist if the
// release does not have the file.
func (e *Earlier) File(ctx context.Context, m release.Made) (file string, done func(), err error) {
	return e.side.File(ctx, m)
}

// Locate returns the path or the URL of a file, whether it is there or not.
func (e *Earlier) Locate(m release.Made) string {
	switch s := e.side.(type) {
	case *website:
		return s.base.JoinPath(path.Base(m.Path)).String()
	case folder:
		return filepath.Join(string(s), path.Base(m.Path))
	case *dist:
		return s.folder.Path(m.Path)
	}
	return ""
}

// Image returns an image of the release. The error is fs.ErrNotExist if the release is not a dist, or does not have it.
func (e *Earlier) Image(ctx context.Context, m release.Made) (v1.Image, error) {
	image, index, err := e.side.Image(ctx, m)
	if err == nil && index != nil {
		err = fmt.Errorf("%s is an index: %w", m.Where(), fs.ErrNotExist)
	}
	return image, err
}
