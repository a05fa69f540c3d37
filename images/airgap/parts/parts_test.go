package parts_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/parts"
	"github.com/slipway-build/slipway/images/imagetest"
)

// writeParts writes content to final, in parts of each bytes.
func writeParts(ctx context.Context, final string, content []byte, each int64) error {
	a, err := parts.Create(final, int64(len(content)), each)
	if err != nil {
		return err
	}
	defer a.Discard()
	w, err := a.OpenAt(0)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return a.Commit(ctx)
}

func TestInterruptedSplitLeavesNothing(t *testing.T) {
	raw := bytes.Repeat([]byte(imagetest.Words(3, 1000)), 1000)
	for asked := int64(0); ; asked++ {
		dir := t.TempDir()
		final := filepath.Join(dir, "images.tar")
		err := writeParts(airgaptest.NewCountdown(t.Context(), asked), final, raw, 300_000)
		if err == nil {
			if asked == 0 {
				t.Error("the context was not checked")
			}
			sum := sha256.Sum256(raw)
			list, err := os.ReadFile(final + ".sha256")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(strings.Split(string(list), "\n"), fmt.Sprintf("%x  images.tar", sum)) {
				t.Errorf("the whole is not in\n%s", list)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
			t.Fatalf("interrupted after %d steps, it left %q", asked, left)
		}
	}
}
