package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/build/output"
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/regular"
)

// KeepSignatures writes the signatures of the content statement of an archive to a folder for Options.Signatures. If the
// folder has signatures of this statement, these stay.
func KeepSignatures(dir string, statement []byte, bundles [][]byte) error {
	file := keptFile(dir, statement)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	raw, err := json.Marshal(bundles)
	if err != nil {
		return err
	}
	return output.WriteFile(file, raw)
}

// keptFile returns the file with the signatures of a statement.
func keptFile(dir string, statement []byte) string {
	sum := sha256.Sum256(statement)
	return filepath.Join(dir, hex.EncodeToString(sum[:])+".json")
}

// keptSignatures returns the signatures of a content statement in Options.Signatures, or none. If the public key is known,
// it leaves out those that it does not verify.
func (r *Release) keptSignatures(ctx context.Context, statement []byte) ([][]byte, error) {
	file := keptFile(r.options.Signatures, statement)
	raw, err := regular.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var bundles [][]byte
	if err == nil {
		err = json.Unmarshal(raw, &bundles)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if r.full.Sign.PublicKey == "" {
		return bundles, nil
	}
	trusted, err := r.trusted()
	if err != nil {
		return bundles, nil // a key that is not in the commit; verify needs it, and a rebuild does not
	}
	return slices.DeleteFunc(bundles, func(bundle []byte) bool {
		_, err := attest.VerifySignature(ctx, statement, bundle, trusted)
		return err != nil
	}), nil
}

// keptNames returns the names of the files in Options.Signatures, which say what was signed.
func (r *Release) keptNames() ([]string, error) {
	entries, err := os.ReadDir(r.options.Signatures)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
