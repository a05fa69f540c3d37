package lint

import (
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Severity describes how much a finding matters.
type Severity string

// The severities, the worst first. An Error prevents some node or client from running the right image. A Warning does
// so in some circumstances or for some clients. A Note is unusual but harmless.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Severities returns all severities, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Note} }

// AtLeast reports whether s is as bad as other, or worse. It is false if other is not a severity.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), other)
}

// A Finding is a defect of an index.
type Finding struct {
	// Severity is error, warning or note.
	Severity Severity `json:"severity"`
	// Rule is the name of the rule, such as duplicate-platform.
	Rule string `json:"rule"`
	// Entries are the digests of the entries that break the rule. It is empty if the index itself breaks it.
	Entries []v1.Hash `json:"entries,omitempty"`
	// Message describes what was found.
	Message string `json:"message"`
	// Reason explains why it matters.
	Reason string `json:"reason"`
	// Advice describes what to do.
	Advice string `json:"advice"`
}

// A rule has the common properties of all findings of one kind.
type rule struct {
	severity       Severity
	reason, advice string
}

// Names of rules.
const (
	emptyIndex             = "empty-index"
	missingMediaType       = "missing-media-type"
	mixedMediaTypes        = "mixed-media-types"
	wrongMediaType         = "wrong-media-type"
	wrongSize              = "wrong-size"
	nestedIndex            = "nested-index"
	unknownMediaType       = "unknown-media-type"
	artifactEntry          = "artifact"
	missingChild           = "missing-child"
	leftOutChild           = "left-out-child"
	unreadableChild        = "unreadable-child"
	missingPlatform        = "missing-platform"
	unknownPlatform        = "unknown-platform"
	platformSpelling       = "platform-spelling"
	missingOSVersion       = "missing-os-version"
	invalidOSVersion       = "invalid-os-version"
	contradictingOSVersion = "contradicting-os-version"
	contradictingOS        = "contradicting-os"
	contradictingArch      = "contradicting-architecture"
	missingOSFeatures      = "missing-os-features"
	missingVariant         = "missing-variant"
	duplicateEntry         = "duplicate-entry"
	duplicatePlatform      = "duplicate-platform"
	duplicateBuild         = "duplicate-build"
	windowsOrder           = "windows-order"
	variantOrder           = "variant-order"
	otherArchitecture      = "other-architecture"
	strayAttestation       = "attestation-without-image"
	attestationPlatform    = "attestation-platform"
	attestationSubject     = "attestation-subject"
)

const remake = "make the index again of its images with slipway index create, which takes the platforms from their configs"

// rules are all rules.
var rules = map[string]rule{
	emptyIndex: {Error, "no node can run anything from it", "add the images, or remove the tag"},
	missingMediaType: {Note, "without mediaType the same bytes can be read as an image by one client and as an index by another (CVE-2021-41190)",
		"set mediaType in the index; slipway index create does"},
	mixedMediaTypes: {Warning, "some registries refuse OCI images in Docker's manifest list, and older clients read only one family",
		"make all images with the same media types (format.mediaTypes of the image in slipway.yaml, or --output type=image,oci-mediatypes=true of buildx)"},
	wrongMediaType: {Error, "containerd refuses a manifest whose media type differs from that of its entry", "correct mediaType of the entry"},
	wrongSize:      {Error, "clients check the size of what they download, and fail", "correct size of the entry"},
	nestedIndex: {Error, "most clients look only one level deep: Docker Engine, crane and podman do not find the images inside",
		"list the images themselves; slipway index create does"},
	unknownMediaType: {Warning, "clients that read all entries fail, such as ctr images import --all-platforms", "remove the entry, or attach it as a referrer instead"},
	artifactEntry:    {Warning, "a client that chooses it cannot run it, and those that copy all images may fail", "remove the entry, or attach it as a referrer instead"},
	missingChild:     {Error, "nodes that choose the entry fail to pull it, and so do all copies of the whole index", "push the missing content, or remove the entry"},
	leftOutChild: {Note, "nodes of its platform cannot use this archive, and ctr images import --all-platforms of containerd before 2.0 fails",
		"nothing, if the archive is for other platforms; else pack it with this one"},
	unreadableChild: {Error, "nodes that choose the entry fail", "push the image again"},
	missingPlatform: {Error, "clients choose by the platform: go-containerregistry takes such an entry for linux/amd64, containerd takes it only if no other one serves",
		"state the platform of the entry; slipway index create takes it from the config"},
	unknownPlatform: {Warning, "no node runs it; clients that do not know the convention list it as a platform", "correct os and architecture of the entry"},
	platformSpelling: {Warning, "containerd corrects the spelling, but clients that compare text do not find the image (crane, skopeo)",
		"spell os and architecture as Go does (GOOS, GOARCH)"},
	missingOSVersion: {Error, "containerd gives the image to every version of Windows, and others cannot tell versions apart; on another version its containers do not start",
		"state os.version; slipway index create takes it from the config"},
	invalidOSVersion:       {Error, "no version of Windows matches it", "state os.version as four numbers, such as 10.0.20348.4294"},
	contradictingOSVersion: {Error, "nodes choose by the entry, and Windows runs by the config: the wrong version of Windows gets the image", remake},
	contradictingOS:        {Error, "nodes choose by the entry, and cannot run the image", remake},
	contradictingArch: {Warning, "nodes choose by the entry: if that is wrong, programs fail with an exec format error; if the config is, tools report the wrong platform",
		"build the image for the right platform, and make the index again"},
	missingOSFeatures: {Warning, "a node that needs the feature does not find the image", remake},
	missingVariant: {Note, "containerd takes the entry for arm/v7, whatever it was built for: nodes with v6 do not find it",
		"state the variant, v6 or v7"},
	duplicateEntry:    {Warning, "copies and scanners handle it twice", "remove one of them"},
	duplicatePlatform: {Error, "nodes take the first one, and never the other", "remove the wrong one; if they are for different variants or versions of Windows, state them"},
	duplicateBuild: {Warning, "nodes tell versions of Windows apart by the build, not by the revision: they take the first one and never the other",
		"keep the newer one"},
	windowsOrder: {Error, "containerd on Windows takes the first entry that can run, and newer versions of Windows also run older images (containerd#11366)",
		"list Windows versions newest first, as slipway index create does"},
	variantOrder: {Warning, "clients that do not know variants take the first entry of the architecture (crane, RKE2's reader), which older processors cannot run",
		"list the lowest variant first; slipway index create does"},
	otherArchitecture: {Warning, "containerd falls back to another architecture, whose programs may fail or be slower", "add an image for the node"},
	strayAttestation: {Warning, "it proves nothing about the images of the index: its own was removed or rewritten",
		"remove the entry, or add the image that it is about"},
	attestationPlatform: {Error, "a node can choose the attestation instead of the image, and cannot run it", "give the entry the platform unknown/unknown"},
	attestationSubject:  {Error, "verifiers that read the index and verifiers that read the manifest find different images", "make the attestation again with the image"},
}

// found returns a finding of a rule.
func found(name string, entries []v1.Hash, format string, args ...any) Finding {
	r := rules[name]
	return Finding{Severity: r.severity, Rule: name, Entries: entries, Message: fmt.Sprintf(format, args...), Reason: r.reason, Advice: r.advice}
}
