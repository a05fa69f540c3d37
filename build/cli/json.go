package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/progress"
)

// jsonFormat is the version of all documents that commands print with --json; see docs/json.md. It changes if the
// meaning of a member changes, or a member is removed.
const jsonFormat = 1

// writeJSON prints a document of a command. An object begins with the version of the format; a list does not contain
// it.
func (p *Program) writeJSON(v any) error {
	var document bytes.Buffer
	if err := progress.WriteJSON(&document, v); err != nil {
		return err
	}
	text := document.Bytes()
	if rest, isObject := bytes.CutPrefix(text, []byte("{\n")); isObject {
		text = append(fmt.Appendf(nil, "{\n  \"format\": %d,\n", jsonFormat), rest...)
	}
	_, err := io.Copy(p.Stdout, bytes.NewReader(text))
	return err
}

// The documents below have the members archive and image in addition to the older path and ref, so that members have
// the same names in all documents.
type (
	verifiedArchive struct {
		Archive string `json:"archive"`
		*verify.Report
	}
	pushedTag struct {
		Image string `json:"image"`
		workbench.Pushed
	}
	copiedTag struct {
		Image string `json:"image"`
		workbench.Copied
	}
)

func verifiedArchives(reports []*verify.Report) []verifiedArchive {
	out := make([]verifiedArchive, len(reports))
	for i, r := range reports {
		out[i] = verifiedArchive{r.Path, r}
	}
	return out
}

func pushedTags(pushed []workbench.Pushed) []pushedTag {
	out := make([]pushedTag, len(pushed))
	for i, t := range pushed {
		out[i] = pushedTag{t.Ref, t}
	}
	return out
}

func copiedTags(copied []workbench.Copied) []copiedTag {
	out := make([]copiedTag, len(copied))
	for i, t := range copied {
		out[i] = copiedTag{t.Ref, t}
	}
	return out
}
