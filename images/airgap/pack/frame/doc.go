// Package frame makes the frames that archives consist of, in each codec. What is slow is
// done once and kept in the content store.
package frame
