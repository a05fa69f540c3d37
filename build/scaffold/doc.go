// Package scaffold writes a first slipway.yaml for a checkout: `slipway init`. Package survey reads the checkout,
// package convert reads the files of other tools, and package draft writes the file. This package decides what is
// released, under which names, and what is uncertain.
//
// # Nouns
//
//   - A project is the set of decisions so far.
//   - A settled binary is described by another tool's file, so that nothing about it is guessed.
//   - A note is a line of the new file that needs a look, because it is uncertain or was not converted.
//
// The file is loaded before it is renamed, so that a slipway.yaml from init is always valid.
package scaffold
