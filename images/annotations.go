package images

// Annotations that name an image in the index.json of a layout or an archive. containerd and nerdctl read the first,
// skopeo and crane the second, which is the OCI specification's (image-spec/annotations.md).
const (
	ContainerdNameAnnotation = "io.containerd.image.name"
	RefNameAnnotation        = "org.opencontainers.image.ref.name"
)
