// Package delta writes what one file needs to become another one, and applies it. Any two
// files will do; archives that have whole frames in common give small deltas.
// docs/airgap-delta.md describes the format.
package delta
