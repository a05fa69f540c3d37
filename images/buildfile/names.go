package buildfile

import "strings"

// NoSuchName is a hint to add to the error about a base that could not be found: a
// bare word such as "charts" is more often a stage or a named context that is
// missing than an image of Docker Hub. It is empty for other references.
func NoSuchName(ref string) string {
	word := strings.TrimSuffix(strings.TrimPrefix(ref, "docker.io/library/"), ":latest")
	if strings.ContainsAny(word, "/:@") {
		return ""
	}
	return "; no stage or build context is called " + word
}
