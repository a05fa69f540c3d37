package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// listedProof is the proof of an archive in the output of `airgap ls --proof --json`.
type listedProof struct {
	Archive string `json:"archive"`
	// Statement is the digest of the content statement. It is empty if the archive has no proof.
	Statement string        `json:"statement,omitempty"`
	Release   *proof.Origin `json:"release,omitempty"`
	// Signatures is the number of signatures over the content statement.
	Signatures int `json:"signatures"`
	// Images are the images in the content statement.
	Images []proof.ImageContent `json:"images"`
	Proof  []proof.Item         `json:"proof,omitempty"`
}

// listProof prints the proofs of archives, without checking them.
func (p *Program) listProof(ctx context.Context, files []string, asJSON bool) error {
	listed := []listedProof{}
	var errs []error
	for _, file := range files {
		found, err := proofOf(ctx, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listed = append(listed, *found)
	}
	if asJSON {
		return errors.Join(append(errs, p.writeJSON(listed))...)
	}
	t := progress.NewTable("ARCHIVE", "ABOUT", "PROOF", "SIZE", "DIGEST").AlignRight("SIZE")
	for _, l := range listed {
		if l.Statement == "" {
			t.Add(l.Archive, "", "none", "", "")
			continue
		}
		t.Add(l.Archive, aboutRelease(l.Release), "content, "+counted(l.Signatures, "signature"), "", l.Statement)
		add := func(about string, items []proof.Item) {
			for _, i := range items {
				t.Add(l.Archive, about, string(i.Kind), progress.FormatBytes(i.Size), i.Digest.String())
			}
		}
		add(aboutRelease(l.Release), l.Proof)
		for _, img := range l.Images {
			add(familiar(img.Names[0]), img.Proof)
		}
	}
	return errors.Join(append(errs, t.Write(p.Stdout))...)
}

// aboutRelease describes a release.
func aboutRelease(r *proof.Origin) string {
	if r == nil {
		return "the archive"
	}
	return fmt.Sprintf("%s %s", r.Name, r.Version)
}

func proofOf(ctx context.Context, file string) (*listedProof, error) {
	a, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	l := &listedProof{Archive: a.Path(), Images: []proof.ImageContent{}}
	p, err := proof.Read(ctx, a.ReadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", a.Path(), err)
	}
	l.Statement = proof.Attachment{Content: p.Statement}.Digest().String()
	l.Release, l.Signatures, l.Images, l.Proof = p.Content.Release, len(p.Signatures), p.Content.Images, p.Content.Proof
	return l, nil
}

// trustFlags are the flags of commands that check the proof of archives.
type trustFlags struct {
	keys     []string
	identity policyfile.Identity
	file     string
}

func (t *trustFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&t.keys, "key", nil, "public key in PEM, such as cosign.pub; one of these must have signed the content of the archive")
	addIdentityFlags(c, &t.identity)
	c.Flags().StringVar(&t.file, "policy", "", "policy in YAML: who must have signed the archive and its images (docs/verifying.md)")
	mustHaveValue(c, "key", "policy")
}

// policy returns the policy that the flags ask for, or nil.
func (t *trustFlags) policy() (*policy.Policy, error) {
	p, err := policyfile.Choose(t.file, t.keys, t.identity)
	return p, usage.Wrap(err)
}

// nameOf names who signed: by the name in the policy, and for an identity also by the subject and the issuer that are
// proven, since the policy may have regular expressions.
func nameOf(s proof.SignedBy) string {
	if isIdentity(s.Key) && s.Key != s.Signer {
		return s.Signer + ", identity " + s.Key
	}
	return s.Signer
}

// writeVerdict prints what the proof of an archive proves.
func (p *Program) writeVerdict(v *proof.Verdict) {
	for _, s := range v.SignedBy {
		of := ""
		if v.Release != nil && v.Release.Commit != "" {
			of = ", which is " + aboutRelease(v.Release) + " from commit " + v.Release.Commit
		}
		fmt.Fprintf(p.Stdout, "  signed: all of its content by %s%s\n", progress.Printable(nameOf(s)), progress.Printable(of))
	}
	for _, img := range v.Images {
		var facts []string
		for _, s := range img.SignedBy {
			facts = append(facts, "signed by "+nameOf(s))
		}
		if len(facts) == 0 && len(v.SignedBy) > 0 {
			facts = append(facts, "vouched for by "+nameOf(v.SignedBy[0]))
		}
		if img.Commit != "" {
			facts = append(facts, "from commit "+img.Commit)
		}
		if len(img.Problems) > 0 {
			facts = append(facts, "BAD: see below")
		}
		fmt.Fprintf(p.Stdout, "  image %s (%s): %s\n", progress.Printable(familiar(img.Image)), progress.Printable(img.Platform), progress.Printable(strings.Join(facts, ", ")))
	}
}
