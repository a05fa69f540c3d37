package buildfile

import (
	"fmt"
	"regexp"
)

// MaxExpansion is how many bytes the variables of one Dockerfile may come to, all
// instructions together. Ten variables, each of which holds the one before ten
// times, would otherwise fill any memory. It is twice what registries take for an
// image's config, and four times what Linux passes to a program.
const MaxExpansion = 8 << 20

// Variables are what a word's variables are looked up in, as BuildKit's
// shell.EnvGetter.
type Variables interface {
	Get(name string) (value string, ok bool)
	Keys() []string
}

// An Expansion bounds what the variables of one Dockerfile come to. Its zero value
// has used nothing. It must not be used by several goroutines.
type Expansion struct{ used int64 }

// Word returns vars for the expansion of one word. Once the word would pass the
// limit, the values that it hands out are empty; Done says so.
func (e *Expansion) Word(word string, vars Variables) *Word {
	return &Word{
		Variables: vars, expansion: e,
		word: int64(len(word)), total: int64(len(word)), largest: int64(len(word)), factors: len(replacements.FindAllString(word, -1)),
	}
}

// A Word bounds the expansion of one word.
type Word struct {
	Variables
	expansion *Expansion
	// word is the length of the word, total that of the word and of all values that
	// were put into it, and largest that of the longest of these.
	word, total, largest int64
	// factors is how many ${NAME//PATTERN/TEXT} the word has, each of which may put
	// TEXT in the place of every byte of a value.
	factors  int
	exceeded bool
}

// replacements matches the beginning of ${NAME//PATTERN/TEXT}.
var replacements = regexp.MustCompile(`\$\{[^{}/]*//`)

// Get returns the value of a variable, or an empty one if the word gets too long.
func (w *Word) Get(name string) (string, bool) {
	value, ok := w.Variables.Get(name)
	w.total += int64(len(value))
	w.largest = max(w.largest, int64(len(value)))
	if w.exceeded = w.exceeded || w.bound()-w.word > MaxExpansion-w.expansion.used; w.exceeded {
		return "", ok
	}
	return value, ok
}

// bound is the most that the word can come to: the length of all that is in it,
// times what each replacement may multiply it by. The pieces of a word are put
// together and replaced once each, so that one factor is the largest piece at
// most, and all others are what is left.
func (w *Word) bound() int64 {
	n := w.total
	for range w.factors {
		if n = n * (w.total - w.largest + 1); n > MaxExpansion {
			return n
		}
	}
	return n
}

// Done adds the word, which came to n bytes, to the expansion. It is an error if
// the limit was passed.
func (w *Word) Done(n int) error {
	w.expansion.used += max(w.total, int64(n)) - w.word
	if w.exceeded || w.expansion.used > MaxExpansion {
		w.expansion.used = MaxExpansion
		return fmt.Errorf("its variables expand to more than %d MiB, which is the limit for a Dockerfile", MaxExpansion>>20)
	}
	return nil
}
