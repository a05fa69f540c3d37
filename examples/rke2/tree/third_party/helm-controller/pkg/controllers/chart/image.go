// Package chart has the variable of helm-controller's package of this name that RKE2 links.
package chart

// DefaultJobImage is set by the linker.
var DefaultJobImage string
