package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// maxShown limits the lines that Differences shows of each side.
const maxShown = 20

// Differences returns how the file differs from what want has: the lines of both between the first and the last
// difference. It is empty if they are equal.
func (g Generated) Differences(want string) string {
	was, is := withoutSum(g.lines), withoutSum(strings.Split(want, "\n"))
	if slices.Equal(was, is) {
		return ""
	}
	begin := 0
	for begin < len(was) && begin < len(is) && was[begin] == is[begin] {
		begin++
	}
	end := 0
	for end < len(was)-begin && end < len(is)-begin && was[len(was)-1-end] == is[len(is)-1-end] {
		end++
	}
	var out strings.Builder
	fmt.Fprintf(&out, "from line %d:\n", begin+1)
	show := func(sign string, lines []string) {
		for i, line := range lines {
			if i == maxShown {
				fmt.Fprintf(&out, "%s … %d more lines\n", sign, len(lines)-maxShown)
				break
			}
			out.WriteString(sign + " " + line + "\n")
		}
	}
	show("-", was[begin:len(was)-end])
	show("+", is[begin:len(is)-end])
	return out.String()
}

// withoutSum returns lines without the checksum, which differs whenever another line does.
func withoutSum(lines []string) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		if strings.HasPrefix(line, checksum) {
			lines[i] = checksum
		}
	}
	return lines
}
