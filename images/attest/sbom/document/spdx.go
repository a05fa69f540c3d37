package document

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/internal/redact"
)

// namespace is the start of the namespaces of documents.
const namespace = "https://github.com/slipway-build/slipway/spdx/"

// noAssertion is the value of unknown fields (SPDX 7.7, 7.13, 8.8).
const noAssertion = "NOASSERTION"

// An spdxWriter makes a document.
type spdxWriter struct {
	doc      *v2_3.Document
	licences licences
	files    map[string]common.ElementID
}

func writeSPDX(w io.Writer, in *sbom.Inventory, o Options) error {
	name := in.Subject.Name
	if in.Subject.Version != "" {
		name += ":" + in.Subject.Version
	}
	s := &spdxWriter{files: make(map[string]common.ElementID, len(in.Files)), doc: &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: name,
		DocumentNamespace: namespace + idString(in.Subject.Name) + "-" + uniqueID(SPDX, in, o),
		DocumentComment:   strings.Join(in.Problems, "\n"),
		CreationInfo: &v2_3.CreationInfo{Created: timestamp(o.Time),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "slipway-" + o.Version}}},
	}}
	for _, f := range in.Files {
		s.addFile(f)
	}
	subject := s.addSubject(in.Subject)
	s.relate("DOCUMENT", common.TypeRelationshipDescribe, subject)
	owned, contained := map[string]bool{}, map[*sbom.Component]bool{}
	for _, c := range in.Components {
		for _, f := range c.Files {
			owned[f] = true
		}
		if c.Type == sbom.OCI {
			for _, used := range c.Uses {
				contained[used] = true
			}
		}
	}
	for _, c := range in.Components {
		s.addComponent(c)
		if !contained[c] {
			s.relate(subject, common.TypeRelationshipContains, elementOf(c))
		}
	}
	for _, f := range in.Files {
		if !owned[f.Path] {
			s.relate(subject, common.TypeRelationshipContains, s.files[f.Path])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.licences.names)) {
		text := s.licences.names[id]
		s.doc.OtherLicenses = append(s.doc.OtherLicenses, &v2_3.OtherLicense{LicenseIdentifier: id, ExtractedText: text, LicenseName: text})
	}
	return json.Write(s.doc, w, json.EscapeHTML(false))
}

func (s *spdxWriter) relate(a common.ElementID, kind string, b common.ElementID) {
	s.doc.Relationships = append(s.doc.Relationships, &v2_3.Relationship{
		RefA: common.DocElementID{ElementRefID: a}, RefB: common.DocElementID{ElementRefID: b}, Relationship: kind})
}

func (s *spdxWriter) addFile(f sbom.File) {
	id := common.ElementID("File-" + shortHash(f.Path))
	s.files[f.Path] = id
	s.doc.Files = append(s.doc.Files, &v2_3.File{FileName: "./" + f.Path, FileSPDXIdentifier: id, Checksums: []common.Checksum{
		{Algorithm: common.SHA1, Value: hex.EncodeToString(f.SHA1[:])},
		{Algorithm: common.SHA256, Value: hex.EncodeToString(f.SHA256[:])},
	}, LicenseConcluded: noAssertion, FileCopyrightText: noAssertion})
}

// purposes are the primary purposes of subjects (SPDX 7.24).
var purposes = map[sbom.Kind]string{sbom.ImageKind: "CONTAINER", sbom.FileKind: "FILE", sbom.ArchiveKind: "ARCHIVE"}

func (s *spdxWriter) addSubject(subject sbom.Subject) common.ElementID {
	id := common.ElementID("Subject-" + idString(subject.Name))
	p := &v2_3.Package{PackageName: subject.Name, PackageSPDXIdentifier: id, PackageVersion: subject.Version,
		PrimaryPackagePurpose: purposes[subject.Kind],
		PackageChecksums:      []common.Checksum{{Algorithm: common.SHA256, Value: subject.Digest}}}
	if subject.Kind != sbom.ImageKind {
		p.PackageFileName = subject.Name
	}
	s.addPackage(p, subject.PURL, "", "")
	return id
}

func elementOf(c *sbom.Component) common.ElementID {
	return common.ElementID("Package-" + componentID(c))
}

func (s *spdxWriter) addComponent(c *sbom.Component) {
	id := elementOf(c)
	p := &v2_3.Package{PackageName: c.Name, PackageSPDXIdentifier: id, PackageVersion: c.Version,
		PackageHomePage: homePage(c.Homepage), PackageSummary: c.Summary, PrimaryPackagePurpose: "LIBRARY"}
	if len(c.FoundIn) > 0 {
		p.PackageSourceInfo = "found in " + strings.Join(c.FoundIn, ", ")
	}
	if c.Supplier != "" {
		p.PackageSupplier = &common.Supplier{Supplier: c.Supplier, SupplierType: "Organization"}
	}
	if sum := goSum(c.Sum); sum != "" {
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: sum}}
	}
	uses := common.TypeRelationshipDependsOn
	switch c.Type {
	case sbom.OS:
		p.PrimaryPackagePurpose = "OPERATING_SYSTEM"
	case sbom.OCI:
		p.PrimaryPackagePurpose, uses = "CONTAINER", common.TypeRelationshipContains
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: c.Digest}}
	case catalog.Deb, catalog.APK, catalog.RPM:
		p.PrimaryPackagePurpose = "APPLICATION"
	}
	s.addPackage(p, c.PURL, c.CPE, s.licences.expression(c.Licences))
	for _, used := range c.Uses {
		s.relate(id, uses, elementOf(used))
	}
	for _, f := range c.Files {
		if file, ok := s.files[f]; ok {
			s.relate(id, common.TypeRelationshipContains, file)
		}
	}
}

// addPackage adds a package with its references and its licence.
func (s *spdxWriter) addPackage(p *v2_3.Package, purl, cpe, licence string) {
	p.PackageDownloadLocation, p.PackageCopyrightText = noAssertion, noAssertion
	p.PackageLicenseConcluded, p.PackageLicenseDeclared = noAssertion, noAssertion
	if licence != "" {
		p.PackageLicenseDeclared = licence
	}
	if strings.HasPrefix(cpe, "cpe:2.3:") {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &v2_3.PackageExternalReference{
			Category: common.CategorySecurity, RefType: common.TypeSecurityCPE23Type, Locator: cpe})
	} else if cpe != "" {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &v2_3.PackageExternalReference{
			Category: common.CategorySecurity, RefType: common.TypeSecurityCPE22Type, Locator: cpe})
	}
	if purl != "" {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &v2_3.PackageExternalReference{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl})
	}
	s.doc.Packages = append(s.doc.Packages, p)
}

// goSum returns the digest in a checksum of go.sum, in hexadecimal, or "".
func goSum(sum string) string {
	rest, ok := strings.CutPrefix(sum, "h1:")
	raw, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(raw) != 32 {
		return ""
	}
	return fmt.Sprintf("%x", raw)
}

// homePage returns a web address without credentials, or "" if s is other text, which databases may contain.
func homePage(s string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		if !strings.ContainsAny(s, " <>\"{}|\\^`") {
			return redact.Text(s)
		}
	}
	return ""
}
