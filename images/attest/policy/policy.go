package policy

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// A Policy says which proof is required.
type Policy struct {
	Archive Archive
	// Images are rules for images. Without rules, the signer of the archive vouches for every image.
	Images []Rule
}

// A Signer has the name that a policy gives to keys or to an identity.
type Signer struct {
	Name string
	Keys []sign.Verifier
}

// An Archive is what a policy requires of an archive.
type Archive struct {
	// Signers are those of whom one must have signed the content statement. If there are none, the statement
	// need not be signed.
	Signers []Signer
	// Release is the name that the release must have, or "".
	Release string
	// Minimum is the lowest version that the release may have, such as v1.2.0, or "". It refuses a release that
	// was replaced and is replayed.
	Minimum string
}

// A Rule says what is required of images.
type Rule struct {
	// Repositories are patterns of fully qualified repositories, such as docker.io/library/*. An asterisk
	// matches within one element; ** at the end matches any number of elements.
	Repositories []string
	// Signers are those of whom one must have signed the image. If there are none, the signer of the archive
	// vouches for the image.
	Signers []Signer
	// Predicates are types of statements that the image must have, such as https://slsa.dev/provenance/v1.
	Predicates []string
	// Bases are patterns of the repositories that the image may be built on, as in Repositories. If there are
	// none, any will do.
	Bases []string
}

// Vouched returns a policy that requires a signature of one of the keys over the content of an archive, and nothing
// else. names are the names of the keys in messages.
func Vouched(signers ...Signer) *Policy { return &Policy{Archive: Archive{Signers: signers}} }

// Validate returns an error for each pattern and version that is not valid.
func (p *Policy) Validate() error {
	var errs []error
	if m := p.Archive.Minimum; m != "" && !semver.IsValid(prefixed(m)) {
		errs = append(errs, fmt.Errorf("minimum version %q: want a semantic version such as v1.2.0", m))
	}
	if p.Archive.Minimum != "" && p.Archive.Release == "" {
		errs = append(errs, fmt.Errorf("minimum version %s without the name of a release: versions of different releases cannot be compared", p.Archive.Minimum))
	}
	for _, r := range p.Images {
		if len(r.Repositories) == 0 {
			errs = append(errs, errors.New("a rule without repositories"))
		}
		for _, pattern := range slices.Concat(r.Repositories, r.Bases) {
			if !isPattern(pattern) {
				errs = append(errs, fmt.Errorf("pattern %q: want a repository in full and without a tag, such as docker.io/library/* or registry.example.com/**, or ** for all", pattern))
			}
		}
	}
	return errors.Join(errs...)
}

// everything is the pattern of all repositories.
const everything = "**"

// full is the form of a pattern with a registry: host and path in lower case, and the signs of path.Match.
var full = regexp.MustCompile(`^[a-z0-9._:*?\[\]^\\-]+(/[a-z0-9._*?\[\]^\\-]+)+$`)

// isPattern reports whether a fully qualified repository can match a pattern. One of Docker Hub begins with docker.io and
// a folder, which is library for images without another.
func isPattern(pattern string) bool {
	if pattern == everything {
		return true
	}
	above, deep := strings.CutSuffix(pattern, "/**")
	registry, _, _ := strings.Cut(pattern, "/")
	switch _, err := path.Match(above, ""); {
	case err != nil, !full.MatchString(pattern), strings.Contains(above, "**"):
		return false
	case registry == "docker.io":
		return deep || strings.Count(pattern, "/") > 1
	}
	return registry != "index.docker.io" && (strings.ContainsAny(registry, ".:*?[") || registry == "localhost")
}

// CheckEnclosed returns an error if only identities may have signed the archive. It is for callers that do not read the
// signatures beside archives, where those of identities are.
func (a Archive) CheckEnclosed() error {
	verifiers := Keys(a.Signers)
	if len(verifiers) == 0 || slices.ContainsFunc(verifiers, isKey) {
		return nil
	}
	return errors.New("only identities may have signed the archive, and their signatures are in FILE.sigstore.json, which only " +
		"`slipway airgap verify` and `slipway airgap push` read: use them, or let a key sign the archive, too")
}

func isKey(v sign.Verifier) bool { _, key := v.(*sign.PublicKey); return key }

// CheckRelease returns an error unless a release may be used.
func (a Archive) CheckRelease(name, version string) error {
	if a.Release != "" && name != a.Release {
		return fmt.Errorf("it is of release %q; the policy wants %q", name, a.Release)
	}
	if a.Minimum == "" {
		return nil
	}
	if !semver.IsValid(prefixed(version)) {
		return fmt.Errorf("its version %q is not a semantic version, and cannot be compared with the minimum version %s", version, a.Minimum)
	}
	if compare(prefixed(version), prefixed(a.Minimum)) < 0 {
		return fmt.Errorf("its version %s is older than the minimum version %s", version, a.Minimum)
	}
	return nil
}

// prefixed returns a version with the v that package semver wants.
func prefixed(version string) string { return "v" + strings.TrimPrefix(version, "v") }

// compare compares semantic versions, and those that differ in build metadata alone by it: v1.34.1+rke2r2 is newer than
// v1.34.1+rke2r1, although semver says that they are equal. Numbers in the metadata count as numbers.
func compare(a, b string) int {
	if order := semver.Compare(a, b); order != 0 {
		return order
	}
	inA, inB := words.FindAllString(semver.Build(a), -1), words.FindAllString(semver.Build(b), -1)
	return slices.CompareFunc(inA, inB, func(x, y string) int {
		n, errX := strconv.ParseUint(x, 10, 64)
		m, errY := strconv.ParseUint(y, 10, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(n, m)
		}
		return strings.Compare(x, y)
	})
}

// words are the numbers in a text, and what is between them.
var words = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// RuleFor returns the rule for a fully qualified repository.
func (p *Policy) RuleFor(repository string) (Rule, bool) {
	for _, r := range p.Images {
		if matches(r.Repositories, repository) {
			return r, true
		}
	}
	return Rule{}, false
}

// Allows reports whether an image may be built on a fully qualified repository.
func (r Rule) Allows(base string) bool { return len(r.Bases) == 0 || matches(r.Bases, base) }

func matches(patterns []string, repository string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == everything {
			return true
		}
		below, deep := strings.CutSuffix(pattern, "/**")
		if !deep {
			ok, err := path.Match(pattern, repository)
			return ok && err == nil
		}
		elements := strings.Split(repository, "/")
		n := strings.Count(below, "/") + 1
		if len(elements) <= n {
			return false
		}
		ok, err := path.Match(below, strings.Join(elements[:n], "/"))
		return ok && err == nil
	})
}

// Keys returns the keys and identities of signers.
func Keys(signers []Signer) []sign.Verifier {
	var keys []sign.Verifier
	for _, s := range signers {
		keys = append(keys, s.Keys...)
	}
	return keys
}

// NameOf returns the name of the signer with a key or an identity.
func NameOf(signers []Signer, signer sign.Verifier) string {
	for _, s := range signers {
		if slices.ContainsFunc(s.Keys, func(k sign.Verifier) bool { return k.Hint() == signer.Hint() }) {
			return s.Name
		}
	}
	return ""
}

// Identities reports whether one of the signers is an identity rather than a key.
func Identities(signers []Signer) bool {
	return slices.ContainsFunc(Keys(signers), func(v sign.Verifier) bool { return !isKey(v) })
}
