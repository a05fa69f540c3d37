package deflate

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// zlibDigests are the SHA-256 of the streams, one after another, that zlib 1.2.13 makes of zlibContents, by level. This
// Python program prints that of a level, if each content is in a file:
//
//	h = hashlib.sha256()
//	for name in files:
//	    c = zlib.compressobj(level, zlib.DEFLATED, -15)
//	    h.update(c.compress(open(name, "rb").read()) + c.flush())
//	print(h.hexdigest())
var zlibDigests = [10]string{
	1: "ce7c7a6c2ce35d6445028f286bcd16152d83677e6dfa86862f5149b3d2d69da8",
	2: "771575a30ce626a7083605ec2f9587f57f88b34eeeb0eb83b85c868b582343a5",
	3: "d110ab3963517785b07d714814aaf0a150f8a9f1c32c4c2639b6b691b8db672f",
	4: "3c39c372294ebc852e78a2a31bf12e27017695e7b6264cf44a962a8e226b9a71",
	5: "95271f16c735ca998576aa08efbf23101891896945cbe463e1743841514f5da9",
	6: "c57b736450e649fd6813b2146b03dba66680f186e48ad508bb5950536b16e6f2",
	7: "5d831f86e958d61f8e9ddc5e0c883c694ae11a1d5daab1a980d68461e8745382",
	8: "ef594b387fe33a33cce574761956dee95a7e792432fda0b923cec16faf4bb959",
	9: "ef594b387fe33a33cce574761956dee95a7e792432fda0b923cec16faf4bb959",
}

// zlibContents have blocks of all kinds, and more than a window.
func zlibContents() [][]byte {
	words, noise := []byte(imagetest.Words(1, 250_000)), imagetest.Noise(1, 100_000)
	return [][]byte{
		nil,
		[]byte("one block with static codes"),
		slices.Concat(words, noise, make([]byte, 70_000), words[:90_000], noise[:300]),
		words[:2*zlibWindow],
	}
}

// The streams are those of zlib.
func TestZlib(t *testing.T) {
	for level := 1; level <= 9; level++ {
		sum := sha256.New()
		for _, content := range zlibContents() {
			z := newZlibWriter(sum, level)
			if _, err := z.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprintf("%x", sum.Sum(nil)); got != zlibDigests[level] {
			t.Errorf("level %d: got %s, want %s", level, got, zlibDigests[level])
		}
	}
}

// The length of a code has a limit, which frequencies like Fibonacci's exceed. zlib's own codes for them have these lengths.
func TestZlibLimitsCodes(t *testing.T) {
	var tr tree
	for i, a, b := 0, 1, 1; i < lengthCodes; i, a, b = i+1, b, a+b {
		tr.frequency[i] = a
	}
	tr.build(lengthTree)
	var used float64
	for _, length := range tr.length[:lengthCodes] {
		if length < 1 || length > lengthTree.maxLength {
			t.Fatalf("lengths %v, over %d", tr.length[:lengthCodes], lengthTree.maxLength)
		}
		used += 1 / float64(int(1)<<length)
	}
	if used != 1 {
		t.Errorf("the codes %v use %v of what there is", tr.length[:lengthCodes], used)
	}
}

// A stream ends at an error of its writer, and Close reports it.
func TestZlibStopsAtAnError(t *testing.T) {
	z := newZlibWriter(full{}, 6)
	_, err := z.Write(bytes.Repeat(imagetest.Noise(1, 1<<20), 4))
	if closed := z.Close(); err == nil || closed == nil {
		t.Errorf("got %v from Write and %v from Close", err, closed)
	}
}

// full is a writer that fails.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space") }
