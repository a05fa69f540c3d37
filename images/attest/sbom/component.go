package sbom

import (
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/package-url/packageurl-go"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
)

// purl returns a package URL. qualifiers are names and values; those without a value are left out.
func purl(kind, namespace, name, version string, qualifiers ...string) string {
	var all packageurl.Qualifiers
	for i := 0; i+1 < len(qualifiers); i += 2 {
		if qualifiers[i+1] != "" {
			all = append(all, packageurl.Qualifier{Key: qualifiers[i], Value: qualifiers[i+1]})
		}
	}
	return packageurl.NewPackageURL(kind, namespace, name, version, all, "").ToString()
}

// addProgram adds the modules of the Go program p, and the standard library.
func addProgram(all *collector, p string, b *catalog.GoBuild) {
	found := []string{p}
	var uses []*Component
	if b.GoVersion != "" {
		uses = append(uses, all.add(&Component{Type: Golang, Name: "stdlib", Version: b.GoVersion, FoundIn: found, Licences: []string{"BSD-3-Clause"},
			PURL: purl(Golang, "", "stdlib", b.GoVersion), CPE: goCPE(b.GoVersion)}))
	}
	for _, m := range b.Modules {
		uses = append(uses, all.add(moduleComponent(m, found)))
	}
	if b.Main.Path == "" {
		return
	}
	main := moduleComponent(b.Main, found)
	main.Files, main.Uses = found, uses
	all.add(main)
}

// goCPE returns the version of Go as NVD's dictionary spells it: 1.26rc1 is version 1.26, update rc1.
func goCPE(version string) string {
	update := "-"
	if i := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i > 0 {
		version, update = version[:i], version[i:]
		if strings.ContainsAny(update, "-+ :*?\\") {
			return "" // built from a commit
		}
	} else if i == 0 {
		return ""
	}
	return "cpe:2.3:a:golang:go:" + version + ":" + update + ":*:*:*:*:*:*"
}

func moduleComponent(m catalog.Module, found []string) *Component {
	namespace, name := path.Split(m.Path)
	return &Component{Type: Golang, Name: m.Path, Version: m.Version, Sum: m.Sum, FoundIn: found,
		PURL: purl(Golang, strings.TrimSuffix(namespace, "/"), name, m.Version)}
}

// distroComponent returns the operating system that os, the content of the file p, describes.
func distroComponent(os *catalog.OS, p string) *Component {
	return &Component{Type: OS, Name: os.ID, Version: os.VersionID, Summary: os.PrettyName, CPE: os.CPE, FoundIn: []string{p},
		PURL: purl("generic", "", os.ID, os.VersionID)}
}

// namespaces maps IDs of os-release to the names of distributions in package URLs, where they differ.
var namespaces = map[string]string{"rhel": "redhat"}

// usual maps types of packages to the distributions that are assumed without an os-release, as in some distroless
// images.
var usual = map[string]string{catalog.Deb: "debian", catalog.APK: "alpine"}

func packageComponent(p *catalog.Package, distro *catalog.OS) *Component {
	namespace, release := usual[p.Type], ""
	if distro != nil {
		if namespace = distro.ID; namespaces[namespace] != "" {
			namespace = namespaces[namespace]
		}
		release = distro.ID
		if distro.VersionID != "" {
			release += "-" + distro.VersionID
		}
	}
	upstream := p.Source
	if upstream == p.Name {
		upstream = ""
	}
	if p.SourceVersion != "" {
		upstream = p.Source + "@" + p.SourceVersion
	}
	c := &Component{Type: p.Type, Name: p.Name, Version: p.Version, Arch: p.Arch, Supplier: p.Supplier, Summary: p.Summary, Homepage: p.Homepage,
		PURL: purl(p.Type, namespace, p.Name, p.Version, "arch", p.Arch, "distro", release, "epoch", p.Epoch, "upstream", upstream)}
	if p.Epoch != "" {
		c.Version = p.Epoch + ":" + p.Version
	}
	if p.Licence != "" {
		c.Licences = []string{p.Licence}
	}
	return c
}

// imageSubject describes an image.
func imageSubject(ref string, digest v1.Hash, platform v1.Platform) Subject {
	s := Subject{Kind: ImageKind, Name: ref, Digest: digest.Hex}
	parsed, err := images.ParseReference(ref)
	if err != nil {
		s.Name = digest.String()
		return s
	}
	repository := withoutTag(images.Qualified(parsed))
	s.Name = withoutTag(images.Familiar(parsed))
	if images.HasTag(ref) {
		s.Version = parsed.Identifier()
	}
	s.PURL = purl(OCI, "", path.Base(repository), digest.String(),
		"arch", platform.Architecture, "os", platform.OS, "repository_url", repository, "tag", s.Version)
	return s
}

// withoutTag returns the repository of a reference.
func withoutTag(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon]
	}
	return ref
}
