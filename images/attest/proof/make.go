package proof

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// An Attachment is a document that becomes an item.
type Attachment struct {
	Kind        Kind
	MediaType   string
	Annotations map[string]string
	Content     []byte
}

// Digest returns the SHA-256 of the content.
func (a Attachment) Digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(a.Content))}
}

// smallItem is the size in bytes up to which items are read together with the statement.
const smallItem = 1 << 20

// A Member is a file of the proof.
type Member struct {
	Name    string
	Content []byte
}

// A Signer signs a content statement, and returns Sigstore bundles.
type Signer func(ctx context.Context, statement []byte) (bundles [][]byte, err error)

// SignWith returns a Signer that makes one signature with a key, or nil for no key.
func SignWith(key sign.Signer) Signer {
	if key == nil {
		return nil
	}
	return func(ctx context.Context, content []byte) ([][]byte, error) {
		bundle, err := sign.SignEnvelope(ctx, key, statement.MediaType, content)
		return [][]byte{bundle}, err
	}
}

// A Maker collects the items of an archive, and makes its proof.
type Maker struct {
	seen         map[v1.Hash]bool
	small, large []Member
}

// NewMaker returns a Maker without items.
func NewMaker() *Maker { return &Maker{seen: map[v1.Hash]bool{}} }

// Add adds attachments, each content once, and returns the items that describe them.
func (m *Maker) Add(attachments []Attachment) ([]Item, error) {
	var items []Item
	for _, a := range attachments {
		digest, size := a.Digest(), int64(len(a.Content))
		if size > MaxItem {
			return nil, fmt.Errorf("the %s has %d bytes; an archive carries at most %d", a.Kind, size, MaxItem)
		}
		item := Item{a.Kind, a.MediaType, digest, size, a.Annotations}
		if slices.ContainsFunc(items, func(other Item) bool {
			// Signatures of one payload differ in their annotations.
			return other.Kind == item.Kind && other.Digest == digest && maps.Equal(other.Annotations, item.Annotations)
		}) {
			continue
		}
		items = append(items, item)
		if m.seen[digest] {
			continue
		}
		m.seen[digest] = true
		member := Member{ItemFile(digest), a.Content}
		if a.Kind == SBOM || size > smallItem {
			m.large = append(m.large, member)
		} else {
			m.small = append(m.small, member)
		}
	}
	return items, nil
}

// Make returns the members of the proof in the order of the archive. They are in two groups: the statement, its
// signatures and all that is needed to judge images; and SBOMs, which are large. Files of content are those
// of the archive without its proof. Without a signer, the statement is not signed.
func (m *Maker) Make(ctx context.Context, content Content, sign Signer) (small, large []Member, err error) {
	files := slices.Clip(content.Files)
	for _, member := range slices.Concat(m.small, m.large) {
		files = append(files, File{member.Name, v1.Hash{Algorithm: "sha256", Hex: ItemDigest(member.Name)}, int64(len(member.Content))})
	}
	content.Files = files
	raw, err := encode(content)
	if err != nil {
		return nil, nil, err
	}
	small = []Member{{StatementFile, raw}}
	if sign != nil {
		bundles, err := sign(ctx, raw)
		if err == nil && len(bundles) > maxSignatures {
			err = fmt.Errorf("there are %d signatures; an archive may have at most %d", len(bundles), maxSignatures)
		}
		for i, b := range bundles {
			if err == nil {
				_, err = parseSignature(b, raw)
			}
			small = append(small, Member{signatureFile(i + 1), b})
		}
		if err != nil {
			return nil, nil, fmt.Errorf("signing the content of the archive: %w", err)
		}
	}
	return append(small, m.small...), m.large, nil
}
