package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/proof"
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
	l := &listedProof{Archive: file, Images: []proof.ImageContent{}}
	p, err := proof.Read(ctx, a.ReadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", file, err)
	}
	l.Statement = proof.Attachment{Content: p.Statement}.Digest().String()
	l.Release, l.Signatures, l.Images, l.Proof = p.Content.Release, len(p.Signatures), p.Content.Images, p.Content.Proof
	return l, nil
}
