package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
)

// Check returns an error if a file could not be fetched: it is not in the cache, and its server does not have it or
// cannot be reached. It reads no content. size is that of the download, in bytes; 0 if it is unknown, or nothing is
// fetched. Its errors begin with file.At.
func (f *Fetcher) Check(ctx context.Context, file File) (size int64, err error) {
	if readRecord(f.recordFile(file)).holds(file.Place) || regular.Check(filepath.Join(f.Cache, file.SHA256)) == nil {
		return 0, nil
	}
	if size, err = f.available(ctx, file); err != nil {
		return 0, redact.Error(fmt.Errorf("%s: fetching %s: %w", file.At, file.URL, err))
	}
	return size, nil
}

func (f *Fetcher) available(ctx context.Context, file File) (int64, error) {
	parsed, err := url.Parse(file.URL)
	if err != nil {
		return 0, err
	}
	if parsed.Scheme == "file" {
		path := localPath(parsed)
		if err := regular.Check(path); err != nil {
			return 0, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	if f.Offline {
		return 0, errOffline
	}
	// Some servers that sign URLs do not answer HEAD.
	response, err := get(ctx, file.URL, 0)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the server answered %s", response.Status)
	}
	return max(response.ContentLength, 0), nil
}

// errOffline is the error for a file that would have to be fetched.
var errOffline = errors.New("it is not in the cache, and the network is not used: run once without --offline")
