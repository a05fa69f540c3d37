package format

import "fmt"

// Limits for reading one archive; no real archive comes near them. The views of a hostile
// archive may refer to one file, or name one image, any number of times.
const (
	// maxJSON is the maximum number of bytes of manifests, configs and indexes that are read.
	maxJSON = 512 << 20
	// maxRelations is the maximum number of names of all images and entries of all indexes
	// together.
	maxRelations = 1 << 18
)

// A Budget counts the work that the views of an archive cause. Repeated work counts each
// time.
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

// Relations counts n names of images or entries of indexes.
func (b *Budget) Relations(n int) error {
	if b.relations += n; b.relations > maxRelations {
		return fmt.Errorf("its images have more than %d names and places in indexes: not an archive of images", maxRelations)
	}
	return nil
}
