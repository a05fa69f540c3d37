// Package scaffold writes a first slipway.yaml for a checkout: `slipway init`. Package survey reads the checkout, package
// convert the files of other tools, and package draft writes. This package decides: what is released, under which names,
// and what is not certain.
//
// # Nouns
//
//   - A project is what is decided so far.
//   - A settled binary is one that another tool's file describes, so that nothing about it is guessed.
//   - A note is a line of the new file that needs a look: an unsure one, or what was not converted.
//
// The file is loaded before it gets its name, so that a slipway.yaml that init wrote is valid.
package scaffold
