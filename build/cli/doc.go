// Package cli is the slipway command. It turns flags into settings, calls build and
// images, and prints results. Nothing else imports cobra.
//
// Standard output carries results, standard error everything else. The exit
// status is 0 when done, 1 when something failed, 2 for wrong usage or configuration,
// and 128 and the signal's number when interrupted: 130 by Ctrl-C, 143 by SIGTERM.
package cli
