package rebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compare"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/redact"
)

// A Request says what to build again and what to compare with.
type Request struct {
	// Rebuild builds the release again. Otherwise dist is compared with Against.
	Rebuild bool
	// Against are published releases: folders, URLs, git tags of the project of Options, or references of images. If there is
	// none, a rebuild is compared with dist.
	Against []string
	Options release.Options
	// Attest is the file for a verification summary, if nothing differs; empty writes none.
	Attest string
	// Sign returns a Sigstore bundle of the summary, which is written in place of the summary. If it is nil, the summary is
	// not signed.
	Sign func(ctx context.Context, payloadType string, payload []byte) ([]byte, error)
	// Project is the folder of slipway.yaml, in a git checkout, and Config the name of that file. Dist is the output folder;
	// empty means dist in Project.
	Project, Config, Dist string
	// Release is the release of the checkout, which is built again. If dist is compared, its own release is built instead.
	Release version.Release
	// Slipway is the command that runs this program, whose path is absolute.
	Slipway []string
	// Arguments are flags of build and package that this run was given, such as --platform.
	Arguments []string
	// Archives are the paths of the archives of a release that is signed, and nil for one that is not.
	Archives []string
	// Environ is the environment of this process, with the secrets that the build needs.
	Environ []string
	// KeepCache lets the rebuild use the content cache of this process, as it must without a network.
	KeepCache bool
	// Limit is the maximum number of bytes to download from one URL, and the maximum number of bytes to unpack for one
	// comparison; 0 means compare.DefaultLimit.
	Limit int64
	// Open returns the image or index that a reference names, its name, and a function that ends its use.
	Open func(ctx context.Context, ref string) (v1.Image, v1.ImageIndex, string, func() error, error)
}

// Verify builds a release again and compares it, as a request says. Differences are in the result. An error
// means that a comparison could not be made.
func Verify(ctx context.Context, q Request) (all []*Comparison, err error) {
	add := func(with string, first side, second *dist, clues []compare.Clue) error {
		comparison, err := compareSides(ctx, with, first, second, clues, q.Limit)
		if err == nil {
			all = append(all, comparison)
		}
		return err
	}
	var (
		second *dist
		clues  []compare.Clue
	)
	if q.Limit <= 0 {
		q.Limit = compare.DefaultLimit
	}
	built := q.Release
	if !q.Rebuild || len(q.Against) == 0 {
		if second, err = openDist(q.Project, q.Dist); err != nil {
			return nil, err
		}
		built = second.Report.Release
	}
	sides := make([]side, len(q.Against)) // nil for references of images
	for i, where := range q.Against {
		s, done, openErr := files(ctx, where, q)
		if openErr != nil {
			return nil, openErr
		}
		defer func() { err = errors.Join(err, done()) }()
		sides[i] = s
	}
	if q.Rebuild {
		if built.Dirty {
			return nil, fmt.Errorf("%s differs from commit %s in tracked files, and only a commit can be built again: commit the changes, then run build and package", q.Project, built.Commit)
		}
		signed := slices.DeleteFunc(slices.Clone(sides), func(s side) bool { return s == nil })
		if second != nil {
			signed = append(signed, second)
		}
		made, err := remake(ctx, q, built.Commit, signed)
		if err != nil {
			return nil, err
		}
		defer made.Close()
		if second != nil {
			if err := add("dist", second, made.dist, made.clues); err != nil {
				return nil, err
			}
		}
		second, clues = made.dist, made.clues
	}
	for i, where := range q.Against {
		first, done := sides[i], nothing
		if first == nil {
			if first, done, err = published(ctx, q, where, second); err != nil {
				return all, err
			}
		}
		if err = errors.Join(add(where, first, second, clues), done()); err != nil {
			return all, err
		}
	}
	if q.Attest == "" || slices.ContainsFunc(all, func(c *Comparison) bool { return len(c.Differences) > 0 }) {
		return all, nil
	}
	return all, attest(ctx, q, second.Report, all)
}

// attest writes a verification summary of comparisons without differences, signed if the request says so.
func attest(ctx context.Context, q Request, report release.Report, all []*Comparison) error {
	attested, err := summary(report, all...)
	if err != nil {
		return err
	}
	raw, err := attested.Encode()
	if err != nil {
		return err
	}
	if q.Sign != nil {
		if raw, err = q.Sign(ctx, statement.MediaType, raw); err != nil {
			return fmt.Errorf("signing the verification summary: %w", err)
		}
	}
	return atomicfile.WriteFile(q.Attest, raw)
}

func nothing() error { return nil }

// files opens the published release in a folder, below a URL or of a tag. done ends its use. The side is nil if where
// names neither.
func files(ctx context.Context, where string, q Request) (_ side, done func() error, err error) {
	if isURL(where) {
		site, err := openWebsite(where, q.Limit)
		if err != nil {
			return nil, nil, fmt.Errorf("--against: %w", err)
		}
		return site, site.Close, nil
	}
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		if _, err := os.Stat(filepath.Join(where, "artifacts.json")); err == nil {
			dist, err := openDist(filepath.Dir(where), where)
			return dist, nothing, err
		}
		return folder(where), nothing, nil
	}
	if strings.HasPrefix(where, ".") || filepath.IsAbs(where) {
		return nil, nil, fmt.Errorf("--against %s: the folder does not exist", redact.Text(where))
	}
	found, done, err := openTag(ctx, where, q.Limit, q.Options, func(side, string) error { return nil })
	switch {
	case errors.Is(err, release.ErrNoTag):
		return nil, nothing, nil
	case err != nil:
		return nil, nil, fmt.Errorf("--against: %w", err)
	}
	return found, done, nil
}

// published opens the published image or index that a reference names. done ends its use.
func published(ctx context.Context, q Request, where string, second *dist) (_ side, done func() error, err error) {
	image, index, name, done, err := q.Open(ctx, where)
	if err != nil {
		return nil, nil, fmt.Errorf("--against %s: neither a folder nor an image: %w", redact.Text(where), redact.Error(err))
	}
	side, err := newReference(name, image, index, second.Report.Made)
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return side, done, nil
}
