package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/admit"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/parallel"
)

// Trust checks by a policy that the proof of the archives vouches for the images of a plan: for each one's manifest,
// config, names and indexes. Layers need no check, since a manifest has their digests, and a runtime compares them. The
// error has all problems.
func Trust(ctx context.Context, list []*Image, pol *policy.Policy) error {
	if err := pol.Archive.CheckEnclosed(); err != nil {
		return err
	}
	proofs := map[*airgap.Archive]*trusted{}
	var errs []error
	for _, img := range list {
		a := img.Packed.Archive()
		if proofs[a] == nil {
			t, err := trustedOf(ctx, a, pol)
			if err != nil {
				t = &trusted{} // reported once
				errs = append(errs, err)
			}
			proofs[a] = t
		}
		if proofs[a].proof == nil {
			continue
		}
		for _, problem := range proofs[a].judge(ctx, img, pol) {
			errs = append(errs, fmt.Errorf("%s: image %s: %s", a.Path(), img.Packed, problem))
		}
	}
	return errors.Join(parallel.Distinct(errs)...)
}

// A trusted is an archive whose content statement suffices by the policy.
type trusted struct {
	archive *airgap.Archive
	proof   *proof.Proof
	signed  bool
	files   map[string]v1.Hash // of the statement
}

func trustedOf(ctx context.Context, a *airgap.Archive, pol *policy.Policy) (*trusted, error) {
	p, err := proof.Read(ctx, a.ReadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: it has no proof, file %s; pack it with --proof and --sign-key", a.Path(), proof.StatementFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: its proof: %w", a.Path(), err)
	}
	v := p.JudgeArchive(ctx, pol)
	if len(v.Problems) > 0 {
		return nil, fmt.Errorf("%s: %s", a.Path(), strings.Join(v.Problems, "; "))
	}
	t := &trusted{archive: a, proof: p, signed: len(v.SignedBy) > 0, files: map[string]v1.Hash{}}
	for _, f := range p.Content.Files {
		t.files[f.Name] = f.Digest
	}
	return t, nil
}

// judge returns what speaks against an image. The content statement lists an image once for each manifest that
// registries have of it.
func (t *trusted) judge(ctx context.Context, img *Image, pol *policy.Policy) (problems []string) {
	var target v1.Hash
	if img.Index != nil {
		target = img.Index.Descriptor.Digest
	}
	var names []string
	for _, said := range t.proof.Content.Images {
		if said.Manifest != img.Packed.Manifest.Digest || said.Config != img.Packed.ID {
			continue
		}
		names = append(names, said.Names...)
		if slices.ContainsFunc(said.Names, func(n string) bool { return slices.Contains(img.Names, n) }) {
			problems = append(problems, proof.JudgeImage(ctx, said, pol, admit.Documents(ctx, t.archive), t.proof.Content.Release, t.signed, target).Problems...)
		}
	}
	if names == nil {
		return []string{"its content statement does not list the image"}
	}
	for _, n := range img.Packed.Names {
		if !slices.Contains(names, n) {
			problems = append(problems, fmt.Sprintf("its content statement does not give it the name %s", n))
		}
	}
	if img.Index != nil {
		problems = append(problems, t.judgeIndex(img.Index)...)
	}
	return problems
}

func (t *trusted) judgeIndex(index *airgap.PackedIndex) (problems []string) {
	if h := index.Descriptor.Digest; t.files[format.BlobName(h)] != h {
		problems = append(problems, fmt.Sprintf("its content statement does not list the index %s", h))
	}
	for _, nested := range index.Nested() {
		problems = append(problems, t.judgeIndex(nested)...)
	}
	return problems
}
