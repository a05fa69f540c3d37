package images

import (
	"io/fs"
	"runtime"
	"testing"
)

func TestContextMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no executable bit")
	}
	for name, c := range map[string]struct{ disk, want fs.FileMode }{
		"a file of umask 077":            {0o600, 0o644},
		"a file of umask 002":            {0o664, 0o644},
		"an executable of umask 077":     {0o700, 0o755},
		"executable for the group only":  {0o654, 0o644},
		"a setuid program":               {0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetuid},
		"a folder of umask 077":          {0o700 | fs.ModeDir, 0o755 | fs.ModeDir},
		"a folder anyone may write to":   {0o777 | fs.ModeDir | fs.ModeSticky, 0o755 | fs.ModeDir | fs.ModeSticky},
		"a folder that inherited setgid": {0o775 | fs.ModeDir | fs.ModeSetgid, 0o755 | fs.ModeDir},
		"a symlink":                      {0o755 | fs.ModeSymlink, 0o777 | fs.ModeSymlink},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []Modes{"", NormalModes} {
				if got := m.Of(c.disk); got != c.want {
					t.Errorf("%q.Of(%v) = %v, want %v", m, c.disk, got, c.want)
				}
			}
			want := c.disk
			if c.disk&fs.ModeSymlink != 0 {
				want = c.want
			}
			if got := KeepModes.Of(c.disk); got != want {
				t.Errorf("KeepModes.Of(%v) = %v, want %v", c.disk, got, want)
			}
		})
	}
}

func TestModesAreValidated(t *testing.T) {
	for modes, want := range map[Modes]bool{"": true, NormalModes: true, KeepModes: true, "Keep": false, "0600": false} {
		if err := modes.Validate(); (err == nil) != want {
			t.Errorf("%q: %v", modes, err)
		}
	}
}
