package load

// A Status says what a runtime did with an image.
type Status string

const (
	// Loaded means that the runtime got content or names that it did not have.
	Loaded Status = "loaded"
	// Present means that the runtime had the image under all of its names.
	Present Status = "present"
	// Failed means that the runtime does not have the image.
	Failed Status = "failed"
)

// A Result is what a runtime did with an image.
type Result struct {
	Image  *Image
	Status Status
	// Bytes is the size of the layers that were sent for the image, in bytes. A layer counts for the first image
	// that has it.
	Bytes int64
	// Err is why the image was not loaded.
	Err error
}
