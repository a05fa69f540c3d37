package plan

import "strings"

// A Signature is a file with the signature of one file or image of a plan.
type Signature struct {
	Path string
	// File is the path of the file that is signed; its parts, if it is split, have signatures of their own. It is empty
	// for an image or index, whose tag is Ref. Simple says that the signature is in the older form; see images/attest/attach.
	File, Ref string
	Simple    bool
	// Statement is the path of the statement about the image that is signed in place of the image.
	Statement string
	// SBOM is the step of the SBOM about which a statement is made and signed in place of the image. Its Output is empty
	// for anything else.
	SBOM SBOMStep
}

// Signatures returns the signatures of a plan: those of files, in the order of the files, and those of images and
// indexes. There are none if the release is not signed.
func (p *Plan) Signatures() []Signature {
	if p.Sign == nil {
		return nil
	}
	var out []Signature
	add := func(file string) { out = append(out, Signature{Path: SignatureOf(file), File: file}) }
	if p.Sign.Files == "all" {
		for _, f := range p.Artifacts() {
			add(f.Path)
		}
	}
	if p.Sign.Files != "none" {
		for _, s := range p.Checksums {
			add(s.Output)
		}
	}
	addImage := func(image, ref string) {
		name := proofOfImage(image, ref)
		if p.Sign.Attaches("referrers") {
			out = append(out, Signature{Path: name + signatureSuffix, Ref: ref})
		}
		if p.Sign.Attaches("tags") {
			out = append(out, Signature{Path: name + ".sig" + signatureSuffix, Ref: ref, Simple: true})
		}
	}
	for _, s := range p.Images {
		addImage(s.Image, s.Ref)
	}
	for _, s := range p.Indexes {
		addImage(s.Image, s.Ref)
	}
	for _, s := range p.Proofs() {
		if !s.IsArtifact() && p.Sign.Attaches("referrers") {
			out = append(out, Signature{Path: SignatureOf(s.Output), Ref: s.Subject, Statement: s.Output})
		}
	}
	for _, i := range p.Images {
		for _, s := range p.SBOMs {
			if s.Subject == i.Ref && p.Sign.Attaches("referrers") {
				out = append(out, Signature{Path: proofOfImage(i.Image, i.Ref) + sbomExtensions[s.Format] + signatureSuffix, Ref: i.Ref, SBOM: s})
			}
		}
	}
	return out
}

// signatureSuffix is that of cosign's documentation.
const signatureSuffix = ".sigstore.json"

// SignatureOf returns the path of the signature of a file.
func SignatureOf(file string) string { return file + signatureSuffix }

// SignedFile returns the path of the file that a signature is of, or the path itself.
func SignedFile(path string) string { return strings.TrimSuffix(path, signatureSuffix) }
