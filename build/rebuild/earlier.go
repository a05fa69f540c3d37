package rebuild

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// OpenEarlier opens an earlier release: a dist, a folder or URL with the published files, or an artifacts.json alone. If no
// file or folder has the name, it is the git tag of a published release of the project of o. At most o.UnpackLimit bytes are
// downloaded; 0 means compare.DefaultLimit.
func OpenEarlier(ctx context.Context, where string, o release.Options) (*Earlier, error) {
	e, limit := &Earlier{Close: nothing}, cmp.Or(max(o.UnpackLimit, 0), compare.DefaultLimit)
	if isURL(where) {
		site, err := openWebsite(where, limit)
		if err != nil {
			return nil, err
		}
		e.side, e.Close = site, site.Close
		if err := e.readFrom(ctx, site); err != nil {
			err = fmt.Errorf("%w: a release without a published %s cannot be compared; name that of its build", err, reportName)
			return nil, errors.Join(err, site.Close())
		}
		return e, nil
	}
	info, err := os.Stat(where)
	if errors.Is(err, fs.ErrNotExist) {
		files, done, err := openTag(ctx, where, limit, o, func(files side, version string) error { return e.accept(ctx, files, version) })
		if err == nil {
			e.side, e.Close = files, done
			return e, nil
		}
		if !errors.Is(err, release.ErrNoTag) {
			return nil, err
		}
	}
	file := where
	if err == nil && info.IsDir() {
		file = filepath.Join(where, reportName)
	}
	if err := e.readReport(file); err != nil {
		return nil, fmt.Errorf("%w: want a dist, its %s, the URL of a release that has it, or, in a project, the tag of one", err, reportName)
	}
	d := &dist{folder: output.Folder{Dist: filepath.Dir(file)}}
	if _, err := os.Stat(d.folder.Path("dist/artifacts")); err != nil && !d.hasLayout() {
		e.side = folder(filepath.Dir(file)) // of published files
		return e, nil
	}
	e.side = d
	return e, d.openLayout()
}

// reportName is the name of the report of a published release.
var reportName = path.Base(output.ReportFile)

// readFrom reads the report of a release with published files.
func (e *Earlier) readFrom(ctx context.Context, files side) error {
	file, _, err := files.File(ctx, release.Made{Path: reportName})
	if err != nil {
		return err
	}
	return e.readReport(file)
}

func (e *Earlier) readReport(file string) error {
	e.report = release.Report{}
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

// Locate returns the path or the URL of a file, which may not be there. The URL may contain a secret.
func (e *Earlier) Locate(ctx context.Context, m release.Made) (string, error) {
	switch s := e.side.(type) {
	case *website:
		return s.address(ctx, path.Base(m.Path))
	case folder:
		return filepath.Join(string(s), path.Base(m.Path)), nil
	case *dist:
		return s.folder.Path(m.Path), nil
	}
	return "", fs.ErrNotExist
}

// Image returns an image of the release. The error is fs.ErrNotExist if the release is not a dist, or does not have it.
func (e *Earlier) Image(ctx context.Context, m release.Made) (v1.Image, error) {
	image, index, err := e.side.Image(ctx, m)
	if err == nil && index != nil {
		err = fmt.Errorf("%s is an index: %w", m.Where(), fs.ErrNotExist)
	}
	return image, err
}
