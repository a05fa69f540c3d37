package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// A seeFunc is called for each entry of a bundle.
type seeFunc func(name string, mode fs.FileMode, link string, body io.Reader) error

// compare returns an error if the entries of a written bundle are not the requested ones, or differ
// from the files on disk. It calls observe, unless that is nil, for each entry that does not.
func compare(ctx context.Context, b *bundle, file *os.File, walk func(*os.File, seeFunc) error, observe func(Content) error) error {
	left := map[string]entry{}
	for _, e := range b.entries {
		left[e.path] = e
	}
	err := walk(file, func(name string, mode fs.FileMode, link string, body io.Reader) error {
		clean := path.Clean(strings.TrimLeft(name, "/"))
		want, ok := left[clean]
		if !ok {
			return fmt.Errorf("%s: unexpected or duplicate entry", name)
		}
		delete(left, clean)
		// Links have no permissions; each format writes different ones.
		if mode != want.mode && !(mode.Type() == fs.ModeSymlink && want.mode.Type() == fs.ModeSymlink) {
			return fmt.Errorf("%s: mode is %v, want %v", name, mode, want.mode)
		}
		if path.Clean(link) != path.Clean(want.link) { // nfpm drops a leading ./
			return fmt.Errorf("%s: it links to %q, want %q", name, link, want.link)
		}
		if want.source != "" {
			if err := sameContent(streams.WithContext(ctx, body), want); err != nil {
				return err
			}
		}
		if observe == nil {
			return nil
		}
		return observe(Content{clean, want.source, link, mode})
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		// An rpm does not contain folders that belong to the system.
		if !left[name].mode.IsDir() {
			return fmt.Errorf("missing entry %s", name)
		}
	}
	return nil
}

// sameContent compares body with the file of want.
func sameContent(body io.Reader, want entry) error {
	f, err := regular.Open(want.source)
	if err != nil {
		return err
	}
	defer f.Close()
	const chunk = 256 << 10
	packed, disk := bufio.NewReaderSize(body, chunk), bufio.NewReaderSize(f, chunk)
	for offset := int64(0); ; {
		a, errA := packed.Peek(chunk)
		b, errB := disk.Peek(chunk)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("%s: %w", want.origin, err)
			}
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%s: it differs from the packed content after byte %d: did it change meanwhile?", want.origin, offset)
		}
		if len(a) == 0 {
			return nil
		}
		packed.Discard(len(a)) // both are buffered
		disk.Discard(len(a))
		offset += int64(len(a))
	}
}
