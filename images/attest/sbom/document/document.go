package document

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
)

// A Format is a standard of documents.
type Format string

const (
	SPDX      Format = "spdx"
	CycloneDX Format = "cyclonedx"
)

// ParseFormat parses the name of a format. Those of syft are accepted as well.
func ParseFormat(s string) (Format, error) {
	switch s {
	case "spdx", "spdx-json":
		return SPDX, nil
	case "cyclonedx", "cyclonedx-json":
		return CycloneDX, nil
	}
	return "", fmt.Errorf("%q is not a format of SBOMs: want spdx or cyclonedx", s)
}

// Extension returns the end of the names of files in a format, by which the tools of the standard know them.
func (f Format) Extension() string {
	if f == CycloneDX {
		return ".cdx.json"
	}
	return ".spdx.json"
}

// Options are the contents of a document that are not in the inventory.
type Options struct {
	// Version is the version of Slipway.
	Version string
	// Time replaces the time of the subject, unless it is zero.
	Time time.Time
}

// Write writes an inventory in a format.
func Write(w io.Writer, f Format, in *sbom.Inventory, o Options) error {
	if o.Time.IsZero() {
		o.Time = in.Subject.Time
	}
	if o.Time.Unix() < 0 { // the zero time of an image without a creation time
		o.Time = time.Unix(0, 0)
	}
	if f == CycloneDX {
		return writeCycloneDX(w, in, o)
	}
	return writeSPDX(w, in, o)
}

// uniqueID returns an identifier in the form of a UUID, of version 8 (RFC 9562, section 5.8).
func uniqueID(f Format, in *sbom.Inventory, o Options) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", []string{string(f), string(in.Subject.Kind), in.Subject.Name, in.Subject.Version, in.Subject.Digest,
		timestamp(o.Time), o.Version, catalog.Version})
	fmt.Fprintf(h, "%d %q", len(in.Components), in.Problems)
	id := h.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// shortHash returns 16 hexadecimal digits for texts.
func shortHash(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:8])
}

// idString replaces characters that are not valid in identifiers of SPDX, which consist of letters, digits, - and dots
// (3.2).
func idString(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '-'
	}, s)
}

// componentID returns an identifier that is unique in a document.
func componentID(c *sbom.Component) string {
	return idString(c.Type+"-"+c.Name) + "-" + shortHash(c.Type, c.Name, c.Version, c.Arch, c.Digest, c.PURL)
}

// SubjectDigest returns the SHA-256 of what a document that Write wrote is about, in hexadecimal.
func SubjectDigest(f Format, content []byte) (string, error) {
	var doc struct {
		Packages []struct {
			Checksums []checksum `json:"checksums"`
		} `json:"packages"`
		Metadata struct {
			Component struct {
				Hashes []checksum `json:"hashes"`
			} `json:"component"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		return "", fmt.Errorf("not an SBOM: %w", err)
	}
	hashes := doc.Metadata.Component.Hashes
	if f == SPDX && len(doc.Packages) > 0 {
		hashes = doc.Packages[0].Checksums // of the subject
	}
	for _, h := range hashes {
		if h.SPDXAlgorithm == "SHA256" {
			return h.SPDXValue, nil
		}
		if h.Algorithm == "SHA-256" {
			return h.Value, nil
		}
	}
	return "", errors.New("the SBOM does not say what it is about")
}

// A checksum is one of SPDX, or of CycloneDX.
type checksum struct {
	SPDXAlgorithm string `json:"algorithm"`
	SPDXValue     string `json:"checksumValue"`
	Algorithm     string `json:"alg"`
	Value         string `json:"content"`
}
