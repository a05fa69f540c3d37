package keyless

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// maxNote is the size in bytes of the largest checkpoint that is read.
const maxNote = 64 << 10

// includes checks the proof that the log has an entry (RFC 6962, section 2.1.1), by a checkpoint that the log has signed.
func (l log) includes(e *rekorpb.TransparencyLogEntry) error {
	p := e.GetInclusionProof()
	size, root, err := l.checkpoint(p.GetCheckpoint().GetEnvelope())
	if err != nil {
		return fmt.Errorf("its checkpoint: %w", err)
	}
	if p.GetLogIndex() < 0 || len(p.GetHashes()) > 64 {
		return errors.New("its proof: invalid index or path")
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.GetLogIndex()), size, rfc6962.DefaultHasher.HashLeaf(e.GetCanonicalizedBody()), p.GetHashes(), root); err != nil {
		return fmt.Errorf("its proof: %w", err)
	}
	return nil
}

// checkpoint returns the size and the root hash of a log that a checkpoint states
// (https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md). Signatures of others than the log are ignored.
func (l log) checkpoint(note string) (size uint64, root []byte, err error) {
	text, signatures, ok := strings.Cut(note, "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(note) > maxNote || len(lines) < 3 {
		return 0, nil, errors.New("not a signed note with an origin, a size and a hash")
	}
	if err := l.noted(text+"\n", signatures); err != nil {
		return 0, nil, err
	}
	if size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
		return 0, nil, fmt.Errorf("invalid size %q", lines[1])
	}
	if root, err = base64.StdEncoding.DecodeString(lines[2]); err != nil {
		return 0, nil, fmt.Errorf("invalid hash %q", lines[2])
	}
	return size, root, nil
}

// noted returns an error unless one of the signatures of a note is one of the log
// (https://github.com/C2SP/C2SP/blob/main/signed-note.md).
func (l log) noted(text, signatures string) error {
	n := 0
	for line := range strings.Lines(signatures) {
		if n++; n > maxStatements {
			break
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "—" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil || len(raw) < 4 {
			continue
		}
		if l.verify([]byte(text), raw[4:]) == nil { // the first four bytes are a hint which key it is
			return nil
		}
	}
	return errLogSignature
}
