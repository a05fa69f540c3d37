package keylesstest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// other is an entry that the log has beside the one that is added.
var other = sha256.Sum256([]byte("\x00other"))

// entryID returns the ID of the entry for a proposal, by which the answer and its ETag name it.
func entryID(proposal []byte) string {
	sum := sha256.Sum256(proposal)
	return hex.EncodeToString(sum[:8])
}

// An addedError is a conflict with the entry of this ID.
type addedError string

func (addedError) Error() string {
	return "an equivalent entry already exists in the transparency log"
}

// add answers a request to add an entry. Each entry is the second of a log of its own. An entry that was added before is a
// conflict.
func (s *Services) add(r *http.Request) ([]byte, error) {
	s.Entries.Add(1)
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := entryID(raw)
	if s.entries[id] != nil {
		return nil, addedError(id)
	}
	answer, err := s.entry(raw)
	if err != nil {
		return nil, err
	}
	s.entries[id] = answer
	if s.Lost.Add(-1) >= 0 {
		return nil, errUnavailable
	}
	return answer, nil
}

// entry returns the answer to a proposal.
func (s *Services) entry(proposal []byte) ([]byte, error) {
	var proposed struct {
		Kind       string          `json:"kind"`
		APIVersion string          `json:"apiVersion"`
		Spec       json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(proposal, &proposed); err != nil {
		return nil, err
	}
	body, err := canonical(proposed.Kind, proposed.Spec)
	if err != nil {
		return nil, err
	}
	id, now := idOf(s.t, s.log), time.Now().Unix()
	promise, err := s.signLog(fmt.Appendf(nil, `{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":7}`, base64.StdEncoding.EncodeToString(body), now, id))
	if err != nil {
		return nil, err
	}
	leaf := sha256.Sum256(append([]byte{0}, body...))
	root := sha256.Sum256(append(append([]byte{1}, other[:]...), leaf[:]...))
	checkpoint := fmt.Sprintf("log.example.com - 1\n2\n%s\n", base64.StdEncoding.EncodeToString(root[:]))
	noted, err := s.signLog([]byte(checkpoint))
	if err != nil {
		return nil, err
	}
	hint := binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(id[:]))
	checkpoint += "\n— log.example.com " + base64.StdEncoding.EncodeToString(append(hint, noted...)) + "\n"
	return json.Marshal(map[string]any{entryID(proposal): map[string]any{
		"body": body, "integratedTime": now, "logID": hex.EncodeToString(id[:]), "logIndex": 7,
		"verification": map[string]any{"signedEntryTimestamp": promise, "inclusionProof": map[string]any{
			"checkpoint": checkpoint, "hashes": []string{hex.EncodeToString(other[:])}, "logIndex": 1, "rootHash": hex.EncodeToString(root[:]), "treeSize": 2,
		}},
	}})
}

func (s *Services) signLog(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, s.log, sum[:])
}

// canonical returns what Rekor stores of a proposed entry.
func canonical(kind string, spec json.RawMessage) ([]byte, error) {
	type object = map[string]any
	if kind == "hashedrekord" {
		return json.Marshal(object{"apiVersion": "0.0.1", "kind": kind, "spec": spec})
	}
	var proposed struct {
		ProposedContent struct {
			Envelope  string   `json:"envelope"`
			Verifiers [][]byte `json:"verifiers"`
		} `json:"proposedContent"`
	}
	var envelope struct {
		Payload    []byte `json:"payload"`
		Signatures []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(spec, &proposed); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(proposed.ProposedContent.Envelope), &envelope); err != nil || kind != "dsse" {
		return nil, errors.Join(errors.New("neither a hashedrekord nor a dsse"), err)
	}
	hash := func(content []byte) object {
		sum := sha256.Sum256(content)
		return object{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	}
	return json.Marshal(object{"apiVersion": "0.0.1", "kind": kind, "spec": object{
		"envelopeHash": hash([]byte(proposed.ProposedContent.Envelope)), "payloadHash": hash(envelope.Payload),
		"signatures": []object{{"signature": envelope.Signatures[0].Sig, "verifier": proposed.ProposedContent.Verifiers[0]}},
	}})
}
