package load_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/pack"
)

// Every layer is read once, with its bytes, and no part of an archive is read many times.
func TestRead(t *testing.T) {
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 6, 0), pack.Options{Level: "fastest"}) {
		t.Run(string(codec), func(t *testing.T) {
			a, err := airgap.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			list, err := load.Plan(t.Context(), []*airgap.Archive{a}, load.Options{Platform: amd64})
			if err != nil {
				t.Fatal(err)
			}
			before := a.BytesRead()
			var mu sync.Mutex
			taken := map[v1.Hash]int{}
			load.Read(t.Context(), load.Layers(list, func(v1.Hash) bool { return true }), func(l load.Layer, content io.Reader, err error) {
				sum := sha256.New()
				if err == nil {
					_, err = io.Copy(sum, content)
				}
				if got := hex.EncodeToString(sum.Sum(nil)); err != nil || got != l.Digest.Hex {
					t.Errorf("layer %s: bytes with the digest %s, %v", l.Digest, got, err)
				}
				mu.Lock()
				defer mu.Unlock()
				taken[l.Digest]++
			})
			if len(taken) != 6 {
				t.Errorf("%d layers were read", len(taken))
			}
			for h, n := range taken {
				if n != 1 {
					t.Errorf("layer %s was read %d times", h, n)
				}
			}
			if read := a.BytesRead() - before; read > a.Size()*11/10 {
				t.Errorf("%d bytes of an archive of %d were read", read, a.Size())
			}
		})
	}
}
