package document

import (
	"encoding/hex"
	"io"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/slipway-build/slipway/images/attest/sbom"
)

func writeCycloneDX(w io.Writer, in *sbom.Inventory, o Options) error {
	files := make(map[string]sbom.File, len(in.Files))
	for _, f := range in.Files {
		files[f.Path] = f
	}
	bom := cdx.NewBOM()
	bom.SpecVersion = cdx.SpecVersion1_6
	bom.JSONSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.SerialNumber = "urn:uuid:" + uniqueID(CycloneDX, in, o)
	subject := cdxSubject(in.Subject)
	bom.Metadata = &cdx.Metadata{Timestamp: timestamp(o.Time), Component: subject,
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "slipway", Version: o.Version}}}}
	if len(in.Problems) > 0 {
		var notes []cdx.Property
		for _, problem := range in.Problems {
			notes = append(notes, cdx.Property{Name: "slipway:problem", Value: problem})
		}
		bom.Metadata.Properties = &notes
	}
	var (
		components   []cdx.Component
		dependencies []cdx.Dependency
		tops         []string
		licences     licences
	)
	nested, used := map[string]bool{}, map[*sbom.Component]bool{}
	for _, c := range in.Components {
		for _, u := range c.Uses {
			used[u] = true
		}
	}
	for _, c := range in.Components {
		one := cdxComponent(c, &licences)
		var own []cdx.Component
		for _, name := range c.Files {
			// A file is listed once, even if several packages claim it.
			if f, ok := files[name]; ok && !nested[name] {
				own, nested[name] = append(own, cdxFile(f)), true
			}
		}
		if own != nil {
			one.Components = &own
		}
		components = append(components, one)
		if !used[c] {
			tops = append(tops, one.BOMRef)
		}
		if len(c.Uses) > 0 {
			var refs []string
			for _, u := range c.Uses {
				refs = append(refs, componentID(u))
			}
			dependencies = append(dependencies, cdx.Dependency{Ref: one.BOMRef, Dependencies: &refs})
		}
	}
	for _, f := range in.Files {
		if !nested[f.Path] {
			components = append(components, cdxFile(f))
		}
	}
	if components != nil {
		bom.Components = &components
	}
	if tops != nil {
		dependencies = append([]cdx.Dependency{{Ref: subject.BOMRef, Dependencies: &tops}}, dependencies...)
		bom.Dependencies = &dependencies
	}
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetEscapeHTML(false).Encode(bom)
}

func cdxSubject(s sbom.Subject) *cdx.Component {
	c := &cdx.Component{BOMRef: "subject-" + s.Digest, Type: cdx.ComponentTypeFile, Name: s.Name, Version: s.Version, PackageURL: s.PURL,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: s.Digest}}}
	if s.Kind == sbom.ImageKind {
		c.Type = cdx.ComponentTypeContainer
	}
	return c
}

func cdxFile(f sbom.File) cdx.Component {
	return cdx.Component{Type: cdx.ComponentTypeFile, Name: "/" + f.Path, Hashes: &[]cdx.Hash{
		{Algorithm: cdx.HashAlgoSHA1, Value: hex.EncodeToString(f.SHA1[:])},
		{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(f.SHA256[:])},
	}}
}

func cdxComponent(c *sbom.Component, licences *licences) cdx.Component {
	out := cdx.Component{BOMRef: componentID(c), Type: cdx.ComponentTypeLibrary, Name: c.Name, Version: c.Version, Description: c.Summary,
		CPE: c.CPE, PackageURL: c.PURL, Publisher: c.Supplier}
	switch c.Type {
	case sbom.OS:
		out.Type = cdx.ComponentTypeOS
	case sbom.OCI:
		out.Type = cdx.ComponentTypeContainer
		out.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: c.Digest}}
	}
	if sum := goSum(c.Sum); sum != "" {
		out.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	}
	if expression := licences.expression(c.Licences); strings.HasPrefix(expression, "LicenseRef-") && !strings.Contains(expression, " ") {
		out.Licenses = &cdx.Licenses{{License: &cdx.License{Name: licences.names[expression]}}}
	} else if expression != "" {
		out.Licenses = &cdx.Licenses{{Expression: expression}}
	}
	if page := homePage(c.Homepage); page != "" {
		out.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeWebsite, URL: page}}
	}
	if len(c.FoundIn) > 0 {
		var at []cdx.EvidenceOccurrence
		for _, p := range c.FoundIn {
			at = append(at, cdx.EvidenceOccurrence{Location: "/" + p})
		}
		out.Evidence = &cdx.Evidence{Occurrences: &at}
	}
	return out
}
