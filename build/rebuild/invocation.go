package rebuild

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/regular"
)

// An alike has the digests of two files that differ, and that one build can have made.
type alike struct{ sumFirst, sumSecond string } // SHA-256 in hexadecimal

// maxAlike is the maximum size of provenance and checksum files that are read into memory, in bytes.
const maxAlike = 32 << 20

// inOrder returns subjects in the order in which sameBuild needs them: provenance first, and checksums last.
func inOrder(subjects []release.Made) []release.Made {
	rank := map[string]int{"provenance": -1, "checksums": 1}
	out := slices.Clone(subjects)
	slices.SortStableFunc(out, func(a, b release.Made) int { return cmp.Compare(rank[a.Kind], rank[b.Kind]) })
	return out
}

// sameBuild reports whether the files of a subject differ only in the invocation of provenance, which is different in each
// run of a CI service, or in what follows from it: the digest of the provenance in a checksum file.
// It is false for files that are equal.
func (o *Comparison) sameBuild(m release.Made, first, second string) (bool, error) {
	if m.Kind != "provenance" && (m.Kind != "checksums" || len(o.alike) == 0) {
		return false, nil
	}
	a, err := readAlike(first)
	if err != nil || a == nil {
		return false, err
	}
	b, err := readAlike(second)
	if err != nil || b == nil || bytes.Equal(a, b) {
		return false, err
	}
	if m.Kind == "checksums" && o.sameSums(a, b) || m.Kind == "provenance" && proof.SameBuild(a, b) {
		o.alike[m.Path] = alike{sumOf(a), sumOf(b)}
		return true, nil
	}
	return false, nil
}

// readAlike reads a file. It returns nil for one that is too large.
func readAlike(file string) ([]byte, error) {
	if info, err := os.Stat(file); err != nil || info.Size() > maxAlike {
		return nil, err
	}
	return regular.ReadFile(file)
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// sameSums reports whether two checksum files differ only in the digests of files that are alike.
func (o *Comparison) sameSums(first, second []byte) bool {
	expected := map[string]string{} // lines of the second, by those of the first
	for file, sums := range o.alike {
		name := path.Base(file)
		expected[sums.sumFirst+"  "+name] = sums.sumSecond + "  " + name
	}
	a, b := strings.Split(string(first), "\n"), strings.Split(string(second), "\n")
	return slices.EqualFunc(a, b, func(x, y string) bool { return x == y || expected[x] == y && y != "" })
}
