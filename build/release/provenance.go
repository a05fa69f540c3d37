package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
)

// isOfImage reports whether a proof is about an image or index.
func isOfImage(p plan.Proof) bool { return !p.IsArtifact() }

// predicateTypes are those of the statements of proofs, by Proof.Kind.
var predicateTypes = map[string]string{"provenance": statement.Provenance, "vex": statement.OpenVEX}

// prove writes the chosen proofs of the plan that are about what this run has made.
func (r *Release) prove(ctx context.Context, chosen func(plan.Proof) bool) error {
	proofs := slices.DeleteFunc(r.Plan.Proofs(), func(p plan.Proof) bool { return !chosen(p) || len(r.subjects(p)) == 0 })
	if len(proofs) == 0 {
		return nil
	}
	var common []proof.Dependency
	if r.Plan.Provenance != nil {
		var err error
		if common, err = r.commonOrigins(ctx); err != nil {
			return err
		}
	}
	secrets := r.secrets()
	return parallel.Each(ctx, len(proofs), r.options.Jobs, func(i int) error {
		p := proofs[i]
		s, err := r.state(ctx, p, common, secrets)
		if err == nil {
			err = r.writeStatement(ctx, p, s)
		}
		if err != nil {
			err = fmt.Errorf("%s of %s: %w", p.Kind, p.Subject, err)
		}
		return err
	})
}

// subjects returns what a proof is about, as this run has made it. It is empty if this run has not made all of it.
func (r *Release) subjects(p plan.Proof) []statement.Subject {
	files := []string{p.Subject}
	if p.IsArtifact() {
		files = r.folder.Files(p.Subject)
	}
	var subjects []statement.Subject
	for _, file := range files {
		made, _ := r.report.find(file)
		s, err := statement.NewSubject(subjectName(p, file), made.Digest)
		if err != nil {
			return nil
		}
		subjects = append(subjects, s)
	}
	return subjects
}

// subjectName returns the name of a subject in statements: that of a file, or the reference of an image.
func subjectName(p plan.Proof, where string) string {
	if p.IsArtifact() {
		return path.Base(where)
	}
	return where
}

// state returns the statement of a proof.
func (r *Release) state(ctx context.Context, p plan.Proof, common []proof.Dependency, secrets *redact.Secrets) (*statement.Statement, error) {
	if p.Kind == "vex" {
		document, err := regular.ReadFile(r.path(p.Document))
		if err != nil {
			return nil, err
		}
		return statement.New(statement.OpenVEX, json.RawMessage(document), r.subjects(p)...)
	}
	o, err := r.originsOf(ctx, p)
	if err != nil {
		return nil, err
	}
	whole := r.decisive()
	whole.Fetches = nil // they are dependencies
	made := proof.Provenance{
		External: map[string]any{
			"configuration": filepath.Base(r.Config.File),
			"plan":          whole.Making(p.Subject, o.binaries),
			"variables":     r.variables(),
		},
		Dependencies: slices.Concat(common, o.dependencies),
		Builder:      r.Plan.Provenance.Builder,
		Versions:     map[string]string{"slipway": r.programVersion()},
		Invocation:   proof.InvocationOf(r.options.Getenv),
	}
	if o.binary.Toolchain != "" {
		made.Internal = map[string]any{"go": o.binary}
	}
	return made.Statement(secrets, r.subjects(p)...)
}

func (r *Release) writeStatement(ctx context.Context, p plan.Proof, s *statement.Statement) error {
	raw, err := s.Encode()
	if err != nil {
		return err
	}
	if err := output.WriteFile(r.path(p.Output), raw); err != nil {
		return err
	}
	return r.made(ctx, Made{Kind: p.Kind, Name: path.Base(p.Subject), Platform: p.Platform, Subject: p.Subject, Path: p.Output}, "")
}

// programVersion returns the version of Slipway in this program.
func (r *Release) programVersion() string {
	if r.options.Version != "" {
		return r.options.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == "github.com/slipway-build/slipway" && m.Version != "" {
				return m.Version
			}
		}
	}
	return "dev"
}

// verifyProofs compares the proofs of the plan with what they are about, and with the report.
func (r *Release) verifyProofs(ctx context.Context, layout *store.Store, reported map[string]string) error {
	proofs := r.Plan.Proofs()
	return parallel.Each(ctx, len(proofs), r.options.Jobs, func(i int) error { return r.verifyProof(ctx, layout, proofs[i], reported) })
}

func (r *Release) verifyProof(ctx context.Context, layout *store.Store, p plan.Proof, reported map[string]string) error {
	subjects := map[string]string{}
	if p.IsArtifact() {
		for _, file := range r.folder.Files(p.Subject) {
			digest, err := r.sum(ctx, r.path(file)) // the checksums need it, too
			if err != nil {
				return err
			}
			subjects[path.Base(file)] = digest.String()
		}
	} else if d, err := layout.Lookup(p.Subject); err == nil {
		subjects[p.Subject] = d.Digest.String()
	}
	if len(subjects) == 0 {
		return nil // reported as missing
	}
	raw, err := regular.ReadFile(r.path(p.Output))
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.IsArtifact():
		return nil // verifyNames reports it
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("missing %s: run build", p.Output)
	case err != nil:
		return err
	}
	if err := proof.Check(raw, predicateTypes[p.Kind], subjects); err != nil {
		return fmt.Errorf("%s: %w: run build and package", p.Output, err)
	}
	if have := digestOf(raw); reported[p.Output] != "" && have != reported[p.Output] {
		return fmt.Errorf("%s has %s, want %s", p.Output, have, reported[p.Output])
	}
	return nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
