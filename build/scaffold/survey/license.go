package survey

import "strings"

// License returns the SPDX identifier of the license in the root, or "".
func (t *Tree) License() string {
	for _, file := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"} {
		text := strings.Join(strings.Fields(t.Text(file)), " ")
		for _, l := range []struct{ says, id string }{
			{"Apache License Version 2.0", "Apache-2.0"}, {"Mozilla Public License Version 2.0", "MPL-2.0"}, {"Mozilla Public License, version 2.0", "MPL-2.0"},
			{"Permission is hereby granted, free of charge", "MIT"}, {"Neither the name of", "BSD-3-Clause"},
			{"Redistribution and use in source and binary forms", "BSD-2-Clause"}, {"Permission to use, copy, modify, and/or distribute", "ISC"},
			{"GNU AFFERO GENERAL PUBLIC LICENSE Version 3", "AGPL-3.0-only"}, {"GNU LESSER GENERAL PUBLIC LICENSE Version 3", "LGPL-3.0-only"},
			{"GNU GENERAL PUBLIC LICENSE Version 3", "GPL-3.0-only"}, {"GNU GENERAL PUBLIC LICENSE Version 2", "GPL-2.0-only"},
		} {
			if strings.Contains(text, l.says) {
				return l.id
			}
		}
	}
	return ""
}

// Ignores reports whether .gitignore contains a folder of the root.
func (t *Tree) Ignores(folder string) bool {
	for line := range strings.Lines(t.Text(".gitignore")) {
		if strings.Trim(strings.TrimSpace(line), "/*") == folder {
			return true
		}
	}
	return false
}
