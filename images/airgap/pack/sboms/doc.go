// Package sboms makes the SBOMs that archives carry as part of their proof.
package sboms
