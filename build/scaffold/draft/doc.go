// Package draft writes a first slipway.yaml from what is to stand in it.
//
// # Nouns
//
//   - A draft is what a slipway.yaml will say.
//   - A doubt is what nothing in the checkout answers. It is written as "# unsure: …" beside the line that it concerns.
//   - A remark is a comment at the end of the file.
//   - A leftover is a key of another tool's file that slipway.yaml has no counterpart for: "# not converted: …".
package draft
