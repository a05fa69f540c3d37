// Package suggest finds the word that was probably meant by a misspelled one.
//
// The distance of two words is the number of letters to insert, delete or replace, or of adjacent
// letters to swap (optimal string alignment), ignoring case. github.com/agext/levenshtein, which is
// in the module graph, counts a swap as two replacements, and would find nothing for short words
// such as "teh".
package suggest
