package config

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/attest/vex"
	"github.com/slipway-build/slipway/internal/regular"
)

// vex checks the VEX documents. One that a hook or fetch makes is checked when the release is packaged.
func (v *validator) vex() {
	names := map[string]string{}
	for i, file := range v.config.VEX {
		at := fmt.Sprintf("vex[%d]", i)
		if file == "" {
			v.wrong(at, "is empty: want a file")
			continue
		}
		name := strings.ToLower(path.Base(file))
		if other, ok := names[name]; ok {
			v.wrong(at, "%s has the same file name as %s: both would be dist/artifacts/%s", file, other, path.Base(file))
		}
		names[name] = file
		if !v.file(at, file, fs.FileMode.IsRegular) {
			continue
		}
		raw, err := regular.ReadFile(v.config.onDisk(file))
		if err != nil {
			v.wrong(at, "%v", err)
			continue
		}
		for _, p := range vex.Check(raw) {
			v.decoder.problems.add(Position{File: file, Line: p.Line}, "VEX: %s", p.Text)
		}
	}
}
