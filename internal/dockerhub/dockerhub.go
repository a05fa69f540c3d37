package dockerhub

import "slices"

// Name is the name of Docker Hub in messages and in full references.
const Name = "docker.io"

// Library is the prefix of full references to official images. Familiar references omit it.
const Library = Name + "/library/"

// Names returns all names of Docker Hub as a registry. Name is the first.
func Names() []string { return []string{Name, "index.docker.io", "registry-1.docker.io"} }

// Is reports whether registry is a name of Docker Hub.
func Is(registry string) bool { return slices.Contains(Names(), registry) }
