package layer

import (
	"archive/tar"
	"fmt"
	"time"
)

// PAX records that hcsshim reads when Windows imports a layer, with the values that BuildKit writes
// (util/winlayers/differ.go).
const (
	fileAttributes     = "MSWINDOWS.fileattr"
	securityDescriptor = "MSWINDOWS.rawsd"
	creationTime       = "LIBARCHIVE.creationtime"

	attributeDirectory = "16" // FILE_ATTRIBUTE_DIRECTORY
	attributeArchive   = "32" // FILE_ATTRIBUTE_ARCHIVE

	// Owned by Administrators. Administrators and SYSTEM have full access, the creator has full
	// access to what is created below, Users may read, and create in folders:
	// O:BAG:SYD:(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CI;DC;;;BU)
	directoryDescriptor = "AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgCoAAcAAAAAAxgA/wEfAAECAAAAAAAFIAAAACACAAAAAxQA/wEfAAEBAAAAAAAFEgAAAAAAGAD/AR8AAQIAAAAAAAUgAAAAIAIAAAALFAAAAAAQAQEAAAAAAAMAAAAAAAMYAKkAEgABAgAAAAAABSAAAAAhAgAAAAIYAAQAAAABAgAAAAAABSAAAAAhAgAAAAIYAAIAAAABAgAAAAAABSAAAAAhAgAA"
	// O:BAG:SYD:(A;;FA;;;BA)(A;;FA;;;SY)(A;;0x1200a9;;;BU)
	fileDescriptor = "AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgBMAAMAAAAAABgA/wEfAAECAAAAAAAFIAAAACACAAAAABQA/wEfAAEBAAAAAAAFEgAAAAAAGACpABIAAQIAAAAAAAUgAAAAIQIAAA=="
)

// File type bits of stat(2), which modes contain in Windows form.
const (
	modeDirectory = 1 << 14
	modeRegular   = 1 << 15
)

// windowsRoot returns one of the two folders at the start of a Windows layer. Their time is the
// Unix epoch; BuildKit writes the current time.
func windowsRoot(name string) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeDir, Name: name, ModTime: time.Unix(0, 0)}
	windowsRecords(h)
	return h
}

// windowsHeader moves h below Files/ and adds the records of Windows. The target of a symlink is
// unchanged: BuildKit adds Files/ to it, which makes the link dangle after the layer is imported.
func windowsHeader(h *tar.Header) {
	h.Name = "Files/" + h.Name
	if h.Typeflag == tar.TypeLink {
		h.Linkname = "Files/" + h.Linkname
	}
	windowsRecords(h)
	switch h.Typeflag {
	case tar.TypeDir:
		h.PAXRecords[securityDescriptor] = directoryDescriptor
	case tar.TypeReg:
		h.PAXRecords[securityDescriptor] = fileDescriptor
	}
}

func windowsRecords(h *tar.Header) {
	if h.PAXRecords == nil {
		h.PAXRecords = map[string]string{}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		h.Mode |= modeDirectory
		h.PAXRecords[fileAttributes] = attributeDirectory
	case tar.TypeReg:
		h.Mode |= modeRegular
		h.PAXRecords[fileAttributes] = attributeArchive
	}
	h.PAXRecords[creationTime] = fmt.Sprintf("%d.%d", h.ModTime.Unix(), h.ModTime.Nanosecond())
	h.Format = tar.FormatPAX
}
