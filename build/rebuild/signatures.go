package rebuild

import (
	"context"
	"errors"
	"io/fs"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// SignaturesFlag is the flag of build and package with the folder of release.Options.Signatures.
const SignaturesFlag = "kept-signatures"

// keepSignatures writes the signatures that archives of a side carry to a folder. A rebuild has no private key, and some
// signers make other bytes each time. Only the archive of a rebuild that has the same content gets a signature. planned are
// the archives of a release that is signed. Archives that are missing or damaged have no signatures here; the comparison
// reports them.
func keepSignatures(ctx context.Context, s side, planned []string, dir string) error {
	if d, ok := s.(*dist); ok && len(planned) > 0 {
		planned = d.archives()
	}
	for _, archive := range planned {
		file, err := archiveFile(ctx, s, archive)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		carried, err := readProof(ctx, file)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil || len(carried.Signatures) == 0 {
			continue
		}
		bundles, err := carried.Bundles()
		if err != nil {
			return err
		}
		if err := release.KeepSignatures(dir, carried.Statement, bundles); err != nil {
			return err
		}
	}
	return nil
}

// archives returns the paths of the archives of a dist. One that is split is there once.
func (d *dist) archives() (paths []string) {
	seen := map[string]bool{}
	for _, m := range d.Report.Made {
		if whole := format.Whole(m.Path); m.Kind == "archive" && !seen[whole] {
			seen[whole] = true
			paths = append(paths, whole)
		}
	}
	return paths
}

// archiveFile returns the file of an archive of a side, or that of its first part. Downloads stay until the side is closed.
func archiveFile(ctx context.Context, s side, planned string) (string, error) {
	file, _, err := s.File(ctx, release.Made{Kind: "archive", Path: planned})
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	first, _, err := s.File(ctx, release.Made{Kind: "archive", Path: format.PartPath(planned, 1)})
	for n := 2; err == nil; n++ {
		_, _, err = s.File(ctx, release.Made{Kind: "archive", Path: format.PartPath(planned, n)})
	}
	if first != "" && errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return first, err
}

func readProof(ctx context.Context, file string) (_ *proof.Proof, err error) {
	a, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return proof.Read(ctx, a.ReadFile)
}
