package why

import (
	"fmt"
	"slices"
	"strings"
)

// A Change is an input that differs between two runs, or between the last run and the present.
type Change struct {
	// Kind is release, setting, dockerfile, base, image, fetched, tool, module, file, mode, made, order or output.
	Kind string `json:"kind"`
	// Name is the name of the input; of a dockerfile, file:line.
	Name string `json:"name"`
	// Old and New are the values. The value of a file or an image is its digest. An empty value means that there is none.
	Old string `json:"old"`
	New string `json:"new"`
	// Because are the changes for which another step makes the input again.
	Because []Change `json:"because,omitempty"`
}

// differences returns the changes from one list of inputs to another, by kind and name.
func differences(old, now []Input) []Change {
	old, now = slices.Clone(old), slices.Clone(now)
	slices.SortFunc(old, compareInputs)
	slices.SortFunc(now, compareInputs)
	changes := []Change{}
	for len(old)+len(now) > 0 {
		order := 0
		switch {
		case len(now) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		default:
			order = compareInputs(old[0], now[0])
		}
		switch {
		case order < 0:
			changes = append(changes, changed(old[0], Input{Kind: old[0].Kind, Name: old[0].Name})...)
			old = old[1:]
		case order > 0:
			changes = append(changes, changed(Input{Kind: now[0].Kind, Name: now[0].Name}, now[0])...)
			now = now[1:]
		default:
			changes = append(changes, changed(old[0], now[0])...)
			old, now = old[1:], now[1:]
		}
	}
	// An image that was added or removed changes the order, too.
	if slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == Image || c.Kind == Made }) {
		changes = slices.DeleteFunc(changes, func(c Change) bool { return c.Kind == Order })
	}
	return changes
}

func changed(old, now Input) []Change {
	switch {
	case old == now:
		return nil
	case now.Kind == Dockerfile && old.Value != "" && now.Value != "":
		return changedLines(old, now)
	case now.Kind == Dockerfile:
		return []Change{{Kind: File, Name: now.Name, Old: presence(old.Value), New: presence(now.Value)}}
	}
	return []Change{{Kind: now.Kind, Name: now.Name, Old: old.Value, New: now.Value}}
}

func presence(text string) string {
	if text == "" {
		return ""
	}
	return "present"
}

// changedLines returns the lines that differ between the first and the last change of a text. As many old as new lines
// are compared one by one.
func changedLines(old, now Input) []Change {
	a, b := strings.Split(old.Value, "\n"), strings.Split(now.Value, "\n")
	first := 0
	for first < min(len(a), len(b)) && a[first] == b[first] {
		first++
	}
	for len(a) > first && len(b) > first && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	a, b = a[first:], b[first:]
	at := func(line int) string { return fmt.Sprintf("%s:%d", now.Name, first+line+1) }
	if len(a) != len(b) || len(a) == 0 {
		return []Change{{Kind: Dockerfile, Name: at(0), Old: strings.Join(a, "\n"), New: strings.Join(b, "\n")}}
	}
	var changes []Change
	for i := range a {
		if a[i] != b[i] {
			changes = append(changes, Change{Kind: Dockerfile, Name: at(i), Old: a[i], New: b[i]})
		}
	}
	return changes
}
