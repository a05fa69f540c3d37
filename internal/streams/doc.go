// Package streams has the small readers that copy loops are made of.
package streams
