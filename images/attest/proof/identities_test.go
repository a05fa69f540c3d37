package proof_test

import (
	"context"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/certify"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

func identity(t *testing.T, name string, services *keylesstest.Services, who keyless.Identity) policy.Signer {
	t.Helper()
	root, err := keyless.ParseRoot(services.Root("tsa"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := root.Verifier(who)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Signer{Name: name, Keys: []sign.Verifier{v}}
}

// The same subject and issuer in two trusted roots are two identities, and one signature may be of several.
func TestIdentitiesOfSeveralRoots(t *testing.T) {
	services, others := keylesstest.Start(t), keylesstest.Start(t)
	who := keyless.Identity{Subject: keylesstest.Subject, Issuer: keylesstest.Issuer}
	test, prod := identity(t, "test", services, who), identity(t, "prod", others, who)
	pattern := identity(t, "pattern", services, keyless.Identity{SubjectRegexp: "^releases@", Issuer: keylesstest.Issuer})
	by, err := certify.NewSigner(certify.Options{Fulcio: services.Fulcio, TSA: services.TSA,
		Token: func(context.Context) (string, error) { return keylesstest.Token(time.Hour), nil }})
	if err != nil {
		t.Fatal(err)
	}
	img := newJudged(t, "example.com/prod/app:v1", "example.com/test/app:v1")
	claim, err := statement.New(attach.SignaturePredicate, map[string]any{}, subjectOf(t, img.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	made, err := claim.Encode()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := sign.SignEnvelope(t.Context(), by, statement.MediaType, made)
	if err != nil {
		t.Fatal(err)
	}
	img.attach(t, proof.Attachment{Kind: proof.Signature, MediaType: sign.MediaType, Content: bundle})
	rules := func(prod, test policy.Signer) []policy.Rule {
		return []policy.Rule{{Repositories: []string{"example.com/prod/**"}, Signers: []policy.Signer{prod}},
			{Repositories: []string{"example.com/test/**"}, Signers: []policy.Signer{test}}}
	}
	wantProblems(t, img.judge(t, rules(prod, test), false, v1.Hash{}).Problems, "it is not signed by prod")
	wantProblems(t, img.judge(t, rules(test, prod), false, v1.Hash{}).Problems, "it is not signed by prod")
	v := img.judge(t, rules(pattern, test), false, v1.Hash{})
	wantProblems(t, v.Problems)
	for _, s := range v.SignedBy {
		if s.Key != "releases@example.com (https://token.example.com)" {
			t.Errorf("%s has signed as %s", s.Signer, s.Key)
		}
	}
}
