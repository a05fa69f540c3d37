// Package scaffold writes a first slipway.yaml for a checkout: `slipway init`.
//
// A survey is what it finds in the checkout: the main packages in . and ./cmd/*, the Dockerfiles, and what their names and
// the Go module say about the project. A template turns the survey into a commented slipway.yaml, which is loaded before it
// gets its name.
package scaffold
