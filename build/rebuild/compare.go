package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compare"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// A Comparison is the result of comparing two releases.
type Comparison struct {
	// With is the release that the second one was compared with.
	With string `json:"with"`
	// Subjects are the files, images and indexes that were compared: all but signatures.
	Subjects []release.Made `json:"subjects"`
	// Differences describe how subjects differ. If there are none, all subjects are equal.
	Differences []compare.Difference `json:"differences"`
	// alike has, by path, the files that differ only by the invocation in provenance; see sameBuild.
	alike map[string]alike
}

// compareSides compares the subjects of second, which is dist or a rebuild, with those of first, which messages call with.
// A file that only first has is a difference, too. Signatures are not compared: a rebuild has no private key, and some
// signers make other bytes each time.
func compareSides(ctx context.Context, with string, first side, second *dist, clues []compare.Clue, limit int64) (_ *Comparison, err error) {
	with = redact.Text(with)
	task := progress.Start(ctx, "compare with "+with)
	defer func() { task.Done(err) }()
	if d, ok := first.(*dist); ok {
		clues = slices.Concat(variableClues(d.Report, second.Report), clues)
	}
	comparer, err := compare.New(clues, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, comparer.Close()) }()
	out := &Comparison{With: with, Subjects: []release.Made{}, Differences: []compare.Difference{}, alike: map[string]alike{}}
	for _, m := range second.Report.Made {
		if m.Kind != "signature" && first.Has(m) {
			out.Subjects = append(out.Subjects, m)
		}
	}
	for _, m := range inOrder(out.Subjects) {
		found, err := out.compareSubject(ctx, comparer, first, second, m)
		if err != nil {
			return nil, err
		}
		out.Differences = append(out.Differences, found...)
	}
	for _, name := range first.Others(second.Report.Made) {
		out.Differences = append(out.Differences, compare.Difference{Path: []string{name}, What: "only the first has it"})
	}
	if len(out.Subjects) == 0 {
		return nil, fmt.Errorf("comparing with %s: this release has nothing that it could have: run build and package", with)
	}
	return out, nil
}

// compareSubject compares what two sides have of one subject.
func (o *Comparison) compareSubject(ctx context.Context, c *compare.Comparer, first side, second *dist, m release.Made) ([]compare.Difference, error) {
	missing := []compare.Difference{{Path: []string{m.Where()}, What: "only the second has it"}}
	if m.Path != "" {
		a, done, err := first.File(ctx, m)
		if errors.Is(err, fs.ErrNotExist) {
			return missing, nil
		}
		if err != nil {
			return nil, err
		}
		defer done()
		b, _, err := second.File(ctx, m)
		if err != nil {
			return nil, err
		}
		if same, err := o.sameBuild(m, a, b); err != nil || same {
			return nil, err
		}
		return c.Files(ctx, m.Path, a, b)
	}
	imageA, indexA, err := first.Image(ctx, m)
	if errors.Is(err, fs.ErrNotExist) {
		return missing, nil
	}
	if err != nil {
		return nil, err
	}
	imageB, indexB, err := second.Image(ctx, m)
	switch {
	case err != nil:
		return nil, err
	case imageA != nil && imageB != nil:
		return c.Images(ctx, m.Ref, imageA, imageB)
	case indexA != nil && indexB != nil:
		return c.Indexes(ctx, m.Ref, indexA, indexB)
	}
	return []compare.Difference{{Path: []string{m.Ref}, What: fmt.Sprintf("the first is %s, the second %s", kindOf(indexA), kindOf(indexB))}}, nil
}

func kindOf(index v1.ImageIndex) string {
	if index != nil {
		return "an index"
	}
	return "an image"
}

// variableClues returns the variables of slipway.yaml that have other values in two releases.
func variableClues(first, second release.Report) (out []compare.Clue) {
	if first.Inputs == nil || second.Inputs == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(first.Inputs.Variables)) {
		if a, b := first.Inputs.Variables[name], second.Inputs.Variables[name]; a != b {
			out = append(out, compare.Clue{What: fmt.Sprintf("the variable %s", name), First: a, Second: b})
		}
	}
	return out
}
