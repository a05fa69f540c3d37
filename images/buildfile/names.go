package buildfile

import (
	"strings"

	"github.com/slipway-build/slipway/internal/dockerhub"
)

// NoSuchName returns a hint for the error about a base that was not found: a bare word such as
// "charts" is more likely a missing stage or named context than an image on Docker Hub. It is empty
// for other references.
func NoSuchName(ref string) string {
	word := strings.TrimSuffix(strings.TrimPrefix(ref, dockerhub.Library), ":latest")
	if strings.ContainsAny(word, "/:@") {
		return ""
	}
	return "; no stage or build context is called " + word
}
