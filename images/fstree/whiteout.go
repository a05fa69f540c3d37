package fstree

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/layer"
)

// aufsPrefix begins the names of AUFS's own files, which old layers still have.
const aufsPrefix = layer.WhiteoutPrefix + layer.WhiteoutPrefix

// AUFSLinks is the folder in which AUFS kept files with several names, under a name of its own; the
// other names are hard links to it.
const AUFSLinks = "/" + aufsPrefix + "plnk"

// Whiteout reports whether an entry of a layer with this base name is a whiteout. An opaque
// whiteout hides all entries of lower layers in its folder; any other hides the entry called hidden
// there. The caller checks that hidden is a file name. See the OCI image specification, layer.md.
func Whiteout(base string) (hidden string, opaque, ok bool) {
	if base == layer.OpaqueMarker {
		return "", true, true
	}
	hidden, ok = strings.CutPrefix(base, layer.WhiteoutPrefix)
	return hidden, false, ok
}

// IsAUFS reports whether an entry of a layer with this name is a file of AUFS itself, or is in a
// folder of AUFS. Runtimes do not unpack such entries.
func IsAUFS(name string) bool {
	name = path.Join("/", name)
	return path.Base(name) != layer.OpaqueMarker && strings.Contains(name, "/"+aufsPrefix)
}
