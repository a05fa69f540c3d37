package buildfile

import (
	"strings"
	"testing"
)

type variables map[string]string

func (v variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}
func (variables) Keys() []string { return nil }

func TestExpansionIsBounded(t *testing.T) {
	kib := strings.Repeat("x", 1<<10)
	vars := variables{"K": kib, "M": strings.Repeat(kib, 1<<10), "HUGE": strings.Repeat("x", maxExpansion+1), "H": strings.Repeat(kib, 1<<9)}
	for name, c := range map[string]struct {
		word string
		gets string
		size int
		want bool
	}{
		"no variables":                        {word: strings.Repeat("w", maxExpansion+1), size: maxExpansion + 1, want: true},
		"a large variable":                    {word: "$M", gets: "M", size: 1 << 20, want: true},
		"many of them":                        {word: strings.Repeat("$M", 9), gets: strings.TrimSuffix(strings.Repeat("M,", 9), ","), size: 1, want: false},
		"one that is too large":               {word: "a$HUGE", gets: "HUGE", size: 1, want: false},
		"a replacement in a large variable":   {word: "${H//x/y}", gets: "H", size: 1 << 19, want: true},
		"a replacement by a variable":         {word: "${K//x/$K}", gets: "K,K", size: 1 << 20, want: true},
		"a large replacement in a large one":  {word: "${M//x/$M}", gets: "M,M", size: 1, want: false},
		"a literal replacement in a large":    {word: "${M//x/" + kib + "}", gets: "M", size: 1, want: false},
		"replacements in one another":         {word: "${K//x/${K//x/$K}}", gets: "K,K,K", size: 1, want: false},
		"a replacement of the first only":     {word: "${M/x/$M}", gets: "M,M", size: 2 << 20, want: true},
		"two slashes that are no replacement": {word: "https://$M/$M/$M", gets: "M,M,M", size: 3 << 20, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			var e Expansion
			w := e.Word(c.word, vars)
			empty := false
			for _, name := range strings.Split(c.gets, ",") {
				if value, _ := w.Get(name); name != "" && value == "" {
					empty = true
				}
			}
			if empty == c.want {
				t.Errorf("a value was withheld: %v", empty)
			}
			if err := w.Done(c.size); (err == nil) != c.want {
				t.Errorf("Done: %v", err)
			}
		})
	}
}

func TestExpansionAddsUp(t *testing.T) {
	vars := variables{"M": strings.Repeat("x", 1<<20)}
	var e Expansion
	for i := range 100 {
		w := e.Word("$M", vars)
		value, _ := w.Get("M")
		if err := w.Done(len(value)); err != nil {
			if i != maxExpansion>>20 {
				t.Errorf("word %d: %v", i, err)
			}
			return
		}
	}
	t.Error("100 MiB were expanded")
}
