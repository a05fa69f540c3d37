// Package images has the references that the linker sets.
package images

// The linker sets these.
var (
	DefaultRegistry                    string
	PrimeRegistry                      string
	DefaultEtcdImage                   string
	DefaultKubernetesImage             string
	DefaultPauseImage                  string
	DefaultRuntimeImage                string
	DefaultCloudControllerManagerImage string
)
