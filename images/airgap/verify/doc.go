// Package verify judges archives: it reads one to its last byte and reports all that
// some reader refuses, or takes otherwise than another one.
//
// It shares package format with the writer and with the reader of archives, and nothing
// else, so that a fault of theirs does not hide itself.
package verify
