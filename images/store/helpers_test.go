package store_test

import (
	"context"
	"io/fs"
	"os"
	"testing"
	"time"
)

// settled waits until a file is old enough for its digest to be remembered.
func settled(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if young := 3*time.Second - time.Since(info.ModTime()); young > 0 {
		time.Sleep(young)
	}
	return info
}

// ended returns a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
