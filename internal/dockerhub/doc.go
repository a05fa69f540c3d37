// Package dockerhub has the names of Docker Hub: people, hosts.toml and containerd call it docker.io, references of
// go-containerregistry and auth files index.docker.io, and its API is at registry-1.docker.io.
package dockerhub
