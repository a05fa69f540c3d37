package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
)

// references checks the references of a list, and inserts those of its file before them.
func (v *validator) references(path string, list *List) {
	for i := range list.References {
		at := fmt.Sprintf("%s.references[%d]", path, i)
		if len(list.References[i].Platforms) > 0 {
			v.platforms(at+".platforms", &list.References[i].Platforms, nil)
		}
		v.reference(list.References[i])
	}
	if list.File == "" {
		return
	}
	if at := path + ".file"; !v.file(at, list.File, fs.FileMode.IsRegular) {
		if !v.reportedBelow(at) {
			v.wrong(at, "missing file %s: image lists are read before hooks and fetch make files", list.File)
		}
		return
	}
	f, err := regular.Open(v.config.onDisk(list.File))
	if err != nil {
		v.wrong(path+".file", "%v", err)
		return
	}
	defer f.Close()
	lines, err := images.ReadLines(f, list.File)
	if err != nil {
		v.wrong(path+".file", "%v", err)
	}
	var references []ListReference
	for _, line := range lines {
		at := Position{File: list.File, Line: line.Line}
		if ref, ok := v.decoder.vars.expand(line.Text, at, inScope("platform windows list")); ok {
			references = append(references, ListReference{Position: at, Ref: ref.String()})
			v.reference(references[len(references)-1])
		}
	}
	list.References = slices.Concat(references, list.References)
}

// reference checks a reference without platform variables. Package plan checks the others.
func (v *validator) reference(r ListReference) {
	if r.Ref == "" || strings.Contains(r.Ref, "${") {
		return
	}
	if _, err := images.ParseReference(images.TrimTransport(r.Ref)); err != nil {
		v.decoder.problems.add(r.Position, "%v", err)
	}
}
