// Package bindiff makes small patches of files that resemble one another, such as two releases of a program, and applies
// them. docs/airgap-delta.md describes the format of a patch.
//
// # Nouns
//
//   - OLD is the file that a patch is applied to, NEW the file that it makes.
//   - A step makes bytes of NEW: first some that resemble bytes of OLD, then extra ones that resemble none.
//   - The shift of a byte of OLD is how much further back it is in NEW.
//   - An address in OLD is the offset of a byte, also after its end. A field is the place where a program has an
//     address, relative to itself or absolute.
//   - A mixer codes bits with probabilities that it learns.
//   - NEW is divided into blocks. A lane has every fourth block of a large file, in a stream of its own, so that four cores
//     can make it.
//
// # How it works
//
// The steps are found as in bsdiff (match.go). Most bytes of a program that differ are addresses: when code is
// inserted somewhere, everything after it moves. The steps say what has moved where, so both sides can correct the
// addresses in OLD before they are compared (mapping.go), as Courgette does with a disassembler. What still differs is coded
// bit by bit by an arithmetic coder, with probabilities that depend on the bytes around it (codec.go).
//
// All of it is linear in time and memory for any input: a search looks at a bounded number of positions, and skips
// what it has found. How often bytes are compared again to extend alignments is bounded, too.
package bindiff
