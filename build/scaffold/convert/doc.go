// Package convert reads the files of other release tools (goreleaser, promu, ko, bake) and translates them to
// slipway.yaml.
//
// # Nouns
//
//   - A conversion is the content of a tool's file, as parts of a draft.
//   - A leftover is a key of the file that has no counterpart, or that needs a decision. Every key is converted, becomes a
//     leftover, or describes what Slipway does anyway. No key is ignored silently.
//   - An action is the text between {{ and }} in the Go templates of these tools.
package convert
