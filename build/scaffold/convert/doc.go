// Package convert reads the files of other release tools (goreleaser, promu, ko, bake) and says the same in terms of slipway.yaml.
//
// # Nouns
//
//   - A conversion is what the file of a tool says, as parts of a draft.
//   - A leftover is a key of the file that has no counterpart, or that needs a decision. Every key is converted, left over,
//     or says what Slipway does anyway; none is passed over in silence.
//   - An action is what stands between {{ and }} in the Go templates of these tools.
package convert
