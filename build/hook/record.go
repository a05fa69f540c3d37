package hook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/regular"
)

// A record has the state of the inputs and outputs of a hook after it ran. A damaged record counts as missing.
type record struct {
	Inputs  survey `json:"inputs"`
	Outputs survey `json:"outputs"`
}

// recordFormat is part of the name of each record. Change it when the meaning of records changes.
const recordFormat = "slipway hook 1"

// recordFile returns the path of the record of a hook in this project. Each command has its own record.
func (r *Runner) recordFile(h Hook) string {
	h.Name, h.At, h.Timeout = "", "", 0
	key, err := json.Marshal(struct {
		Format, Root string
		Hook         Hook
	}{recordFormat, r.Root, h})
	if err != nil {
		panic(err) // text, lists and maps of text
	}
	sum := sha256.Sum256(key)
	return filepath.Join(r.Records, hex.EncodeToString(sum[:16])+".json")
}

// unchanged reports whether inputs and outputs are the same as in the record file. If only times have changed, it
// renews the record.
func (r *Runner) unchanged(ctx context.Context, name string, inputs survey, outputs *glob.Set) (bool, error) {
	var last record
	data, err := regular.ReadFile(name)
	if err != nil || json.Unmarshal(data, &last) != nil || len(last.Inputs.Files) != len(inputs.Files) {
		return false, nil // run the hook
	}
	made, err := r.survey(outputs)
	if err != nil {
		return false, fmt.Errorf("looking at its outputs: %w", err)
	}
	if len(last.Outputs.Files) != len(made.Files) {
		return false, nil
	}
	n, err := r.read(ctx, inputs, last.Inputs)
	m, err2 := r.read(ctx, made, last.Outputs)
	if err := errors.Join(err, err2); err != nil {
		return false, fmt.Errorf("comparing inputs and outputs with those of the last run: %w", err)
	}
	if !inputs.sameContent(last.Inputs) || !made.sameContent(last.Outputs) {
		return false, nil
	}
	if n+m > 0 {
		err = record{inputs, made}.write(name)
	}
	return true, err
}

func forget(name string) error {
	if err := fileop.RemoveIfThere(name); err != nil {
		return fmt.Errorf("removing the record of the last run: %w", err)
	}
	return nil
}

func (r record) write(name string) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = atomicfile.WriteFile(name, data)
	}
	if err != nil {
		return fmt.Errorf("writing the record of a hook: %w", err)
	}
	return nil
}
