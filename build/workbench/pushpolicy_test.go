package workbench

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// replacing replaces a file once the archive was verified.
type replacing struct {
	t        *testing.T
	from, to string
	replaced bool
}

func (*replacing) Started(*progress.Task)      {}
func (*replacing) Line(*progress.Task, string) {}
func (*replacing) Warning(string)              {}
func (r *replacing) Finished(task *progress.Task, _ error) {
	if strings.HasPrefix(task.Name, "verify ") && !r.replaced {
		r.replaced = true
		if err := os.Rename(r.from, r.to); err != nil {
			r.t.Error(err)
		}
	}
}

// What is pushed is what was verified, even if the file is replaced meanwhile.
func TestPushPushesWhatItVerified(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not replace open files")
	}
	key := airgaptest.Key(t, 1)
	signed := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 1, 0), pack.Options{Proof: &pack.Proof{Sign: proof.SignWith(key)}})[format.Zstd]
	other := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 1, 1), pack.Options{})[format.Zstd]
	pol := policy.Vouched(policy.Signer{Name: "release", Keys: sign.Verifiers(key.PublicKey())})
	registry := imagetest.Registry(t)
	if _, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{other}, Target: registry, Policy: pol}); err == nil {
		t.Error("an archive without a proof was pushed")
	}
	if list, err := crane.Catalog(registry); err != nil || len(list) > 0 {
		t.Errorf("the registry has %q: %v", list, err)
	}
	first, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{signed}, Target: registry, Policy: pol})
	if err != nil {
		t.Fatal(err)
	}
	sink := &replacing{t: t, from: other, to: signed}
	second, err := newWorkbench(t).PushArchives(progress.With(t.Context(), sink), PushJob{Archives: []string{signed}, Target: registry, Policy: pol})
	if err != nil {
		t.Fatal(err)
	}
	if !sink.replaced || first[0].Digest != second[0].Digest {
		t.Errorf("replaced %v: pushed %s, verified %s", sink.replaced, second[0].Digest, first[0].Digest)
	}
}
