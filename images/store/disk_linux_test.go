package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

// fillTheDisk writes with a limit on the size of files, to simulate a full disk: the kernel fails
// in the middle of a write.
func fillTheDisk(args []string) error {
	ctx := context.Background()
	s, err := store.Open(args[0])
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
		return err
	}
	var content bytes.Buffer
	if err := words(&content, 1, 3<<20); err != nil {
		return err
	}
	h, size, err := v1.SHA256(bytes.NewReader(content.Bytes()))
	if err != nil {
		return err
	}
	written := 0
	for name, write := range map[string]func() error{
		"blob": func() error {
			return s.Put(ctx, v1.Descriptor{Digest: h, Size: size}, &content)
		},
		"gzip layer": func() error {
			_, err := s.Layer(ctx, "key", images.Compression{}, func(w io.Writer) error { written = 0; return count(w, &written) })
			return err
		},
		"zstd layer": func() error {
			_, err := s.Layer(ctx, "key", images.Compression{Algorithm: "zstd"}, func(w io.Writer) error { written = 0; return count(w, &written) })
			return err
		},
		"derived file": func() error {
			_, err := s.Derived(ctx, "frame", "key", func(w io.Writer) error { written = 0; return count(w, &written) })
			return err
		},
	} {
		err := write()
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), args[0]) {
			return fmt.Errorf("%s: got error %v, want an error that the file %s is too large", name, err, args[0])
		}
		if written >= wholeDisk {
			return fmt.Errorf("%s: all of it was produced although the disk was full", name)
		}
		fmt.Println(name, err)
	}
	return nil
}

const wholeDisk = 64 << 20

// count writes until a write fails.
func count(w io.Writer, written *int) error {
	for seed := uint64(0); *written < wholeDisk; seed++ {
		if err := words(w, seed, 1<<20); err != nil {
			return err
		}
		*written += 1 << 20
	}
	return nil
}

func TestFullDiskIsAnErrorAndLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	if out, err := child(t, "fill the disk", dir).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wantSound(t, dir)
	wantNoLeftovers(t, open(t, dir))
}
