package why

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/redact"
)

// Kinds of inputs, in the order in which changes are listed.
const (
	Release    = "release"    // the version, the commit, SOURCE_DATE_EPOCH
	Setting    = "setting"    // of slipway.yaml, with its variables expanded
	Dockerfile = "dockerfile" // the text of a Dockerfile, of which changes name the lines
	Base       = "base"       // a base image, by its digest
	Image      = "image"      // an image of another project in an archive, by its digest
	Fetched    = "fetched"    // a file of another project, by its pinned digest
	Tool       = "tool"       // a program that makes the output
	Module     = "module"     // a line of go.mod, by the path of the module
	File       = "file"       // a file, by its digest
	Mode       = "mode"       // the mode of a file
	Made       = "made"       // what another step makes
	Order      = "order"      // the order of images
	Output     = "output"     // what the step itself has made
)

var kinds = []string{Release, Setting, Dockerfile, Base, Image, Fetched, Tool, Module, File, Mode, Made, Order, Output}

// An Input is a single thing that a step depends on.
type Input struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Value string `json:"value"`
	// Hidden distinguishes values that contain secrets. It is empty for others.
	Hidden string `json:"hidden,omitempty"`
}

// Inputs collects the inputs of a step.
type Inputs struct {
	// Secrets are replaced in values.
	Secrets *redact.Secrets
	list    []Input
}

// Add adds an input.
func (in *Inputs) Add(kind, name, value string) {
	added := Input{Kind: kind, Name: name, Value: in.Secrets.Text(redact.Value(name, value))}
	if added.Value != value {
		// 32 bits notice a change, and are too few to find a secret by trying.
		sum := sha256.Sum256([]byte(kind + "\x00" + name + "\x00" + value))
		added.Hidden = hex.EncodeToString(sum[:4])
	}
	in.list = append(in.list, added)
}

// AddSettings adds each value in the JSON of v, by its path, such as args.VERSION. A list of texts is one value. The
// members named in without are left out at the top level.
func (in *Inputs) AddSettings(v any, without ...string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // as it is written
	if err := decoder.Decode(&members); err != nil {
		return err
	}
	for name, value := range members {
		if !slices.Contains(without, name) {
			in.addValue(name, value)
		}
	}
	return nil
}

func (in *Inputs) addValue(name string, value any) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		for member, v := range value {
			in.addValue(name+"."+member, v)
		}
	case []any:
		var words []string
		for i, v := range value {
			if _, ok := v.(map[string]any); ok {
				in.addValue(fmt.Sprintf("%s[%d]", name, i), v)
				continue
			}
			words = append(words, fmt.Sprint(v))
		}
		if words != nil {
			in.Add(Setting, name, strings.Join(words, " "))
		}
	default:
		if text := fmt.Sprint(value); text != "" {
			in.Add(Setting, name, text)
		}
	}
}

// List returns the inputs, sorted and each once.
func (in *Inputs) List() []Input {
	slices.SortFunc(in.list, compareInputs)
	in.list = slices.Compact(in.list)
	return in.list
}

func compareInputs(a, b Input) int {
	if c := slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
