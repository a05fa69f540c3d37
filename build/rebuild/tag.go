package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/slipway-build/slipway/build/release"
)

// openTag opens the files of the published release of a git tag, at the first destination for whose files accept returns no
// error. done ends their use. The error is release.ErrNoTag if the text is not a tag; otherwise it says what each destination has.
func openTag(ctx context.Context, tag string, limit int64, o release.Options, accept func(files side, version string) error) (_ side, done func() error, err error) {
	version, places, err := release.Places(ctx, o, tag)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, place := range places {
		files, done, err := openPlace(ctx, place, limit)
		if err == nil {
			if err = accept(files, version); err == nil {
				return files, done, nil
			}
			err = errors.Join(err, done())
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, nil, cause
		}
		errs = append(errs, fmt.Errorf("release %s: %s: %w", tag, place.Name, err))
	}
	return nil, nil, errors.Join(errs...)
}

// openPlace opens the files of a published release. done ends their use.
func openPlace(ctx context.Context, place release.Place, limit int64) (_ side, done func() error, err error) {
	at, address, err := place.Open(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case at != "":
		return folder(at), nothing, nil
	}
	site, err := newWebsite(address, limit)
	if err != nil {
		return nil, nil, err
	}
	return site, site.Close, nil
}

// accept reads the report of a published release, which must be of a version.
func (e *Earlier) accept(ctx context.Context, files side, version string) error {
	err := e.readFrom(ctx, files)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it has no %s, without which a release cannot be compared: publish it, too (report: true of the destination), or name that of its build", reportName)
	}
	if found := e.report.Release.Version; err == nil && found != version {
		return fmt.Errorf("it has version %s now", found)
	}
	return err
}
