package imagetest

import (
	"archive/tar"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// PAX records of Windows layers, as BuildKit writes and hcsshim reads them: the file attributes (16
// for a folder, 32 for a file), the security descriptor, and the creation time.
const (
	fileAttribute      = "MSWINDOWS.fileattr"
	securityDescriptor = "MSWINDOWS.rawsd"
	creationTime       = "LIBARCHIVE.creationtime"
)

// builtinUsers is the security descriptor O:BUG:BU in its binary form ([MS-DTYP] 2.4.6): owner and
// group BUILTIN\Users.
const builtinUsers = "AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA=="

// windowsEntries converts entries to the form of a Windows layer: Hives and Files first, everything
// else below Files/, each with its PAX records.
func windowsEntries(entries ...Entry) []Entry {
	windows := []Entry{
		{Header: tar.Header{Name: "Hives", Typeflag: tar.TypeDir}},
		{Header: tar.Header{Name: "Files", Typeflag: tar.TypeDir}},
	}
	for _, e := range entries {
		e.Name = "Files/" + e.Name
		windows = append(windows, e)
	}
	for i := range windows {
		h := &windows[i].Header
		attribute := "32"
		if h.Typeflag == tar.TypeDir || strings.HasSuffix(h.Name, "/") {
			attribute = "16"
		}
		h.Format = tar.FormatPAX
		h.PAXRecords = map[string]string{
			fileAttribute:      attribute,
			securityDescriptor: builtinUsers,
			creationTime:       "1706933106",
		}
	}
	return windows
}

// WindowsLayer returns a layer of files in Windows form.
func WindowsLayer(t testing.TB, files Files) v1.Layer {
	t.Helper()
	return LayerOf(t, types.OCILayer, windowsEntries(files.Entries()...)...)
}

// WindowsBase returns an index of synthetic Windows bases for amd64, one per version, in the given
// order. A version is an os.version, optionally followed by features, as in 10.0.20348.4294+win32k.
// Each base has a registry hive and a file Windows/version.txt with its version, so that a test can
// detect which one was used. Their layers differ.
func WindowsBase(t testing.TB, versions ...string) v1.ImageIndex {
	t.Helper()
	var bases []v1.Image
	for _, version := range versions {
		osVersion, _, _ := strings.Cut(version, "+")
		entries := windowsEntries(Files{
			"Windows/version.txt":           osVersion,
			"Windows/System32/cmd.exe":      "MZ of " + osVersion,
			"Windows/System32/config/":      "",
			"Users/ContainerAdministrator/": "",
		}.Entries()...)
		hive := Entry{Header: tar.Header{Name: "Hives/System_Base", Format: tar.FormatPAX, PAXRecords: map[string]string{
			fileAttribute: "32", securityDescriptor: builtinUsers, creationTime: "1706933106",
		}}, Body: "regf of " + osVersion}
		bases = append(bases, Image(t, "windows/amd64:"+version, LayerOf(t, types.OCILayer, append(entries, hive)...)))
	}
	return Index(t, bases...)
}
