package format

import "fmt"

// Limits of what a reader does with one archive, far above what any real one needs. The views
// of a hostile archive may name the same file, or give the same image a name, any number of
// times.
const (
	// maxJSON is how many bytes of manifests, configs and indexes are read.
	maxJSON = 512 << 20
	// maxRelations is how many names images have together, and how many places in indexes.
	maxRelations = 1 << 18
)

// A Budget counts what was done with an archive. Repeated work counts each time.
type Budget struct {
	json      int64
	relations int
}

// JSON counts n bytes of a manifest, config or index.
func (b *Budget) JSON(n int64) error {
	if b.json += n; b.json > maxJSON {
		return fmt.Errorf("more than %d bytes of JSON: not an archive of images", maxJSON)
	}
	return nil
}

// Relations counts n names of images or places in indexes.
func (b *Budget) Relations(n int) error {
	if b.relations += n; b.relations > maxRelations {
		return fmt.Errorf("its images have more than %d names and places in indexes: not an archive of images", maxRelations)
	}
	return nil
}
