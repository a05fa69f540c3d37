package proof

import (
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The files of the proof in an archive. They are in a folder of their own, and neither index.json nor manifest.json
// refers to them: skopeo would take an entry of index.json for an image, and readers pass over files that they do not
// know.
const (
	Folder        = "proof/"
	StatementFile = Folder + "content.json"
	ItemFolder    = Folder + "sha256/"
)

// signatureFile returns the name of the signature of an archive with a number, from 1 on.
func signatureFile(number int) string {
	if number == 1 {
		return Folder + "content.sigstore.json"
	}
	return fmt.Sprintf("%scontent.%d.sigstore.json", Folder, number)
}

var signatureFiles = regexp.MustCompile(`^proof/content(\.[1-9][0-9]*)?\.sigstore\.json$`)

// IsSignatureFile reports whether a file of an archive has the name of a signature of the archive.
func IsSignatureFile(name string) bool { return signatureFiles.MatchString(name) }

// ItemFile returns the name of the file of an item.
func ItemFile(digest v1.Hash) string { return ItemFolder + digest.Hex }

// In reports whether a file of an archive is part of its proof.
func In(name string) bool { return strings.HasPrefix(name, Folder) }

// ItemDigest returns the SHA-256, in hex, that the name of an item states, or "".
func ItemDigest(name string) string {
	hex, ok := strings.CutPrefix(name, ItemFolder)
	if !ok {
		return ""
	}
	return hex
}
