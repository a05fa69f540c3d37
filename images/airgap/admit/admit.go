package admit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// A Pull is an image that a node is about to pull: a reference, and the digest that the registry has for it.
type Pull struct {
	Name   name.Reference
	Digest v1.Hash
}

// Check returns why a pull is admitted: an archive whose proof suffices by the policy has the image. The error says why
// no archive does. paths are archives, and folders of archives as airgap.Find searches them.
func Check(ctx context.Context, pull Pull, pol *policy.Policy, paths []string) (reason string, err error) {
	if err := pol.Archive.CheckEnclosed(); err != nil {
		return "", fmt.Errorf("the policy: %w", err)
	}
	files, err := airgap.ListArchives(paths)
	if err != nil {
		return "", err
	}
	var refused []error
	for _, file := range files {
		reason, err := checkArchive(ctx, pull, pol, file)
		if reason != "" {
			return reason, nil
		}
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", file, err))
		}
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
	}
	if len(refused) == 0 {
		return "", fmt.Errorf("%s@%s: no archive in %s has it", images.Familiar(pull.Name), pull.Digest, strings.Join(paths, ", "))
	}
	return "", fmt.Errorf("%s@%s: %w", images.Familiar(pull.Name), pull.Digest, errors.Join(refused...))
}

// checkArchive returns why an archive admits a pull. It returns neither a reason nor an error if the archive has no
// proof, or another image.
func checkArchive(ctx context.Context, pull Pull, pol *policy.Policy, file string) (reason string, err error) {
	a, err := airgap.Open(ctx, file)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if !a.Seekable() {
		return "", nil // of another program, which writes no proof; it would be decompressed to its end
	}
	p, err := proof.Read(ctx, a.ReadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	all := slices.DeleteFunc(slices.Clone(p.Content.Images), func(img proof.ImageContent) bool { return !has(img, pull) })
	if len(all) == 0 {
		return "", nil
	}
	v := p.JudgeArchive(ctx, pol)
	if len(v.Problems) > 0 {
		return "", errors.New(strings.Join(v.Problems, "; "))
	}
	var signers, problems []string
	add := func(signed []proof.SignedBy) {
		for _, s := range signed {
			if !slices.Contains(signers, s.Signer) {
				signers = append(signers, s.Signer)
			}
		}
	}
	add(v.SignedBy)
	for _, img := range all { // an index may be that of several images
		judged := proof.JudgeImage(ctx, img, pol, Documents(ctx, a), p.Content.Release, len(v.SignedBy) > 0, pull.Digest)
		problems = append(problems, judged.Problems...)
		add(judged.SignedBy)
	}
	if len(problems) > 0 {
		return "", errors.New(strings.Join(problems, "; "))
	}
	return fmt.Sprintf("%s is in %s, signed by %s", all[0].Names[0], file, strings.Join(signers, ", ")), nil
}

// Documents returns the small documents of an archive.
func Documents(ctx context.Context, a *airgap.Archive) proof.Documents {
	return func(h v1.Hash) []byte {
		for _, file := range []string{proof.ItemFile(h), format.BlobName(h)} {
			raw, err := a.ReadFile(ctx, file, format.JSONLimit)
			if err == nil && (proof.Attachment{Content: raw}).Digest() == h {
				return raw
			}
		}
		return nil
	}
}

// has reports whether an image is the one that is pulled: by its manifest, or by an index that lists it, and by its name.
// A mirror has images under its own host, and perhaps in a folder.
func has(img proof.ImageContent, pull Pull) bool {
	if pull.Digest != img.Manifest && pull.Digest != img.Registry.Manifest && !slices.Contains(img.Registry.Indexes, pull.Digest) {
		return false
	}
	pulled := pull.Name.Context().RepositoryStr()
	return slices.ContainsFunc(img.Names, func(n string) bool {
		known, err := images.ParseReference(n)
		if err != nil {
			return false
		}
		tag, tagged := pull.Name.(name.Tag)
		if tagged && known.Identifier() != tag.TagStr() && !strings.HasPrefix(known.Identifier(), "sha256-") {
			return false
		}
		path := known.Context().RepositoryStr()
		short := strings.TrimPrefix(path, "library/")
		return pulled == path || pulled == short || strings.HasSuffix(pulled, "/"+short)
	})
}
