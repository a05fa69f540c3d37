package ci

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/build/release"
)

// writeOutputs appends the outputs of a command: version, tag, commit; digests, a JSON object that maps tags to digests
// of indexes; and digest_NAME for the index of the image NAME. Characters that the services do not allow in a key are
// replaced by underscores.
func (f Files) writeOutputs(r release.Report) error {
	if f.Outputs == "" {
		return nil
	}
	var out strings.Builder
	fmt.Fprintf(&out, "version=%s\ntag=%s\ncommit=%s\n", r.Release.Version, r.Release.Tag, r.Release.Commit)
	digests, written := map[string]string{}, map[string]bool{}
	for _, m := range r.Made {
		if m.Kind != "index" {
			continue
		}
		digests[m.Ref] = m.Digest
		// An index of Windows versions has a platform, and is not the index of the image, which may have several tags.
		if m.Platform.OS == "" && !written[m.Name] {
			written[m.Name] = true
			fmt.Fprintf(&out, "digest_%s=%s\n", key(m.Name), m.Digest)
		}
	}
	if len(digests) > 0 {
		text, err := json.Marshal(digests)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "digests=%s\n", text)
	}
	if err := appendTo(f.Outputs, out.String()); err != nil {
		return fmt.Errorf("writing the outputs of the job: %w", err)
	}
	return nil
}

// key converts a name to characters that are allowed in the key of an output.
func key(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			return r
		}
		return '_'
	}, name)
}
