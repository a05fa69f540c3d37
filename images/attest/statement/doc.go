// Package statement makes and reads in-toto statements, the claims that Slipway signs and checks.
//
// A statement (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) says something about its
// subjects, which are files, manifests or indexes by digest. The predicate is the claim, for example a provenance or
// an SBOM; the predicate type, a URI, says how to read it.
//
// # Bytes
//
// A signature covers the bytes of a statement, and Slipway compares the statements of two builds. Encode therefore
// returns the canonical form of RFC 8785: sorted member names, no white space, one spelling of each string. Integers
// alone keep their digits, because RFC 8785 would round those beyond 2^53.
//
// # Foreign statements
//
// Read accepts statements of other programs, and does not trust them. It refuses what two readers could understand
// differently: duplicate members, members that differ from a known one only in case or underscores, text that is
// not UTF-8, and digests of a known algorithm that are not its lower-case hex. It ignores other unknown members, as
// the specification asks, and leaves the predicate to its reader.
package statement
