// Package session provides an engine with the inputs of a build besides its contexts: secrets, ssh agents, credentials
// of registries, and locations of caches. They are written as in the flags of docker buildx build.
//
// A session is the connection by which an engine calls back during a build, and an attachable is a service that it may
// call (package session of BuildKit).
package session
