// Package draft writes a first slipway.yaml from its planned content.
//
// # Nouns
//
//   - A draft is the planned content of a slipway.yaml.
//   - A doubt is a question that nothing in the checkout answers. It is written as "# unsure: …" beside its line.
//   - A remark is a comment at the end of the file.
//   - A leftover is a key of another tool's file without a counterpart in slipway.yaml: "# not converted: …".
package draft
