// Slipway-verifier is an image verifier of containerd 2: containerd calls it before each pull. It admits an image that
// is in an archive on the node whose proof suffices by a policy, and refuses others. It is a program of its own because
// a pull waits for it. See docs/verifying.md.
//
// It is called as containerd's plugin io.containerd.image-verifier.v1.bindir does:
//
//	slipway-verifier -name REF -digest sha256:… -stdin-media-type application/vnd.oci.descriptor.v1+json <descriptor
//
// It prints the reason to stdout. Exit status 0 admits the image, 1 refuses it, and 2 is wrong usage, which refuses it,
// too. -policy and -archives replace the places of the policy and of the archives.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/admit"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("slipway-verifier", flag.ContinueOnError)
	flags.SetOutput(stderr)
	ref := flags.String("name", "", "reference of the image that is pulled")
	digest := flags.String("digest", "", "digest of the image in the registry")
	flags.String("stdin-media-type", "", "media type of stdin, which is not read: the digest says all")
	policyPath := flags.String("policy", defaultPolicy(), "policy in YAML")
	archives := flags.String("archives", "", "archives and folders of archives, separated like PATH; default: node.archives of the policy")
	show := flags.Bool("version", false, "print the version")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	if *show {
		fmt.Fprintln(stdout, "slipway-verifier", version)
		return 0
	}
	reason, err := verify(ctx, *ref, *digest, *policyPath, filepath.SplitList(*archives))
	if err != nil {
		fmt.Fprintln(stdout, "refused:", oneLine(err))
		return 1
	}
	fmt.Fprintln(stdout, "admitted:", reason)
	return 0
}

// oneLine spells an error in one line, since containerd cuts off what is long.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func verify(ctx context.Context, ref, digest, policyPath string, archives []string) (string, error) {
	parsed, refErr := images.ParseReference(ref)
	hash, digestErr := v1.NewHash(digest)
	if err := errors.Join(refErr, digestErr); err != nil {
		return "", err
	}
	p, err := policyfile.LoadNode(policyPath)
	if err != nil {
		return "", err
	}
	if len(archives) == 0 {
		archives = p.Archives
	}
	if len(archives) == 0 {
		return "", fmt.Errorf("%s: missing node.archives, the folders with archives", policyPath)
	}
	return admit.Check(ctx, admit.Pull{Name: parsed, Digest: hash}, p.Policy, archives)
}

// defaultPolicy returns where the policy of a node is. containerd passes no other place on.
func defaultPolicy() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "slipway", "policy.yaml")
	}
	return "/etc/slipway/policy.yaml"
}
