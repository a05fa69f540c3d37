package buildfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Build arguments that have a meaning to builders.
const (
	// EpochArg is the build's timestamp, see
	// https://reproducible-builds.org/specs/source-date-epoch.
	EpochArg = "SOURCE_DATE_EPOCH"
	// SyntaxArg and CheckArg replace the directives "# syntax=" and "# check=".
	SyntaxArg = "BUILDKIT_SYNTAX"
	CheckArg  = "BUILDKIT_DOCKERFILE_CHECK"
)

// TimelessEpoch is the warning about an EpochArg that names a context.
const TimelessEpoch = EpochArg + " names a context, and folders and images have no time of their own; using the Unix epoch"

// An Effect is how a builder treats a build argument.
type Effect int

const (
	// Obeyed: the argument works as in BuildKit.
	Obeyed Effect = iota
	// Needless: the builder does nothing that the argument could change.
	Needless
	// Unheeded: the argument requests something that the builder does not do.
	Unheeded
)

// A Steering is a build argument that controls the builder, not the Dockerfile.
type Steering struct {
	// Name may end in *, which matches any suffix.
	Name              string
	Embedded, Engines Effect
	// Instead is what the user should do if the argument is Unheeded.
	Instead string
}

// steeringArgs are all such arguments of BuildKit 0.32. docs/dockerfile-support.md lists the same
// arguments.
var steeringArgs = []Steering{
	{EpochArg, Obeyed, Obeyed, ""},
	{SyntaxArg, Obeyed, Obeyed, ""},
	{CheckArg, Obeyed, Obeyed, ""},
	{"BUILDKIT_CACHE_MOUNT_NS", Needless, Obeyed, ""},
	{"BUILDKIT_SANDBOX_HOSTNAME", Needless, Obeyed, ""},
	{"BUILDKIT_CONTEXT_KEEP_GIT_DIR", Needless, Needless, ""},
	{"BUILDKIT_MULTI_PLATFORM", Needless, Needless, ""},
	{"BUILDKIT_BUILD_NAME", Needless, Needless, ""},
	{"BUILDKIT_HISTORY_PROVENANCE_V1", Needless, Needless, ""},
	{"BUILDKIT_INLINE_CACHE", Unheeded, Unheeded, "set cache-to (--cache-to) with an engine"},
	{"BUILDKIT_SBOM_SCAN_CONTEXT", Unheeded, Unheeded, "make an SBOM of the image, with a tool such as syft"},
	{"BUILDKIT_SBOM_SCAN_STAGE", Unheeded, Unheeded, "make an SBOM of the image, with a tool such as syft"},
	{"BUILDKIT_ATTEST_*", Unheeded, Unheeded, "attest to the pushed image, with a tool such as cosign"},
}

// WarnOfArgs warns about build arguments that the builder does not obey.
func WarnOfArgs(args map[string]string, effect func(Steering) Effect, warn func(string)) {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		for _, s := range steeringArgs {
			prefix, wild := strings.CutSuffix(s.Name, "*")
			if name != s.Name && !(wild && strings.HasPrefix(name, prefix)) || effect(s) != Unheeded {
				continue
			}
			if off, err := strconv.ParseBool(args[name]); args[name] == "" || err == nil && !off {
				continue
			}
			warn(fmt.Sprintf("build argument %s has no effect with this builder: %s", name, s.Instead))
		}
	}
}
