package buildfile

import (
	"fmt"
	"regexp"
)

// maxExpansion is the total size of all variable expansions in one Dockerfile, in bytes. Without a
// limit, ten variables that each contain the previous one ten times would exhaust any memory. The
// limit is twice the size of the largest config that registries accept, and four times what Linux
// passes to a program.
const maxExpansion = 8 << 20

// Variables is the source of variable values, as BuildKit's shell.EnvGetter.
type Variables interface {
	Get(name string) (value string, ok bool)
	Keys() []string
}

// An Expansion limits the total size of variable expansions in one Dockerfile. The zero value is
// ready to use. It must not be used by several goroutines.
type Expansion struct{ used int64 }

// Word returns vars for the expansion of one word. If the word would exceed the limit, further
// values are empty, and Done returns an error.
func (e *Expansion) Word(word string, vars Variables) *Word {
	return &Word{
		Variables: vars, expansion: e,
		word: int64(len(word)), total: int64(len(word)), largest: int64(len(word)), factors: len(replacements.FindAllString(word, -1)),
	}
}

// A Word limits the expansion of one word.
type Word struct {
	Variables
	expansion *Expansion
	// word is the length of the word, total its length plus that of all values substituted so
	// far, and largest that of the longest of these.
	word, total, largest int64
	// factors counts the ${NAME//PATTERN/TEXT} in the word. Each may replace every byte of a value
	// with TEXT.
	factors  int
	exceeded bool
}

// replacements matches the start of ${NAME//PATTERN/TEXT}.
var replacements = regexp.MustCompile(`\$\{[^{}/]*//`)

// Get returns the value of a variable, or "" if the word gets too long.
func (w *Word) Get(name string) (string, bool) {
	value, ok := w.Variables.Get(name)
	w.total += int64(len(value))
	w.largest = max(w.largest, int64(len(value)))
	if w.exceeded = w.exceeded || w.bound()-w.word > maxExpansion-w.expansion.used; w.exceeded {
		return "", ok
	}
	return value, ok
}

// bound returns the maximum length of the expanded word: the length of everything in it, times the
// factor by which each replacement may multiply it. The pieces of a word are concatenated and
// replaced once each, so one factor is at most the largest piece, and the product of the others at
// most the rest.
func (w *Word) bound() int64 {
	n := w.total
	for range w.factors {
		if n = n * (w.total - w.largest + 1); n > maxExpansion {
			return n
		}
	}
	return n
}

// Done adds the expanded word of n bytes to the expansion. It returns an error if the limit was
// exceeded.
func (w *Word) Done(n int) error {
	w.expansion.used += max(w.total, int64(n)) - w.word
	if w.exceeded || w.expansion.used > maxExpansion {
		w.expansion.used = maxExpansion
		return fmt.Errorf("its variables expand to more than %d MiB, which is the limit for a Dockerfile", maxExpansion>>20)
	}
	return nil
}
