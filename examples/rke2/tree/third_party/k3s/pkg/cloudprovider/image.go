// Package cloudprovider has the variable of k3s's package of this name that RKE2 links.
package cloudprovider

// DefaultLBImage is set by the linker.
var DefaultLBImage string
