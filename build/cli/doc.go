// Package cli implements the slipway command. It converts flags to settings, calls the packages in
// build and images, and prints results. It is the only package that imports cobra.
//
// Results go to standard output, everything else to standard error. The exit status is 0 after
// success, 1 after a failure, 2 for wrong usage or configuration, and 128 plus the signal's number
// after an interruption: 130 for Ctrl-C, 143 for SIGTERM.
package cli
