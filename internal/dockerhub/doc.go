// Package dockerhub has the names of Docker Hub: docker.io in messages, hosts.toml and containerd; index.docker.io in
// references of go-containerregistry and in auth files; and registry-1.docker.io, the host of its API.
package dockerhub
