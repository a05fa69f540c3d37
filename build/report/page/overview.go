package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// lead returns the line below the title: the commit, and the platforms.
func lead(r *report.Document) string {
	var parts []string
	if commit := r.Release.Commit; commit != "" {
		text := "Commit " + commit[:min(len(commit), 12)]
		if r.Release.Dirty {
			text += " with uncommitted changes"
		}
		parts = append(parts, text)
	}
	if platforms := platformsOf(r); len(platforms) > 0 {
		parts = append(parts, strings.Join(platforms, ", "))
	}
	return strings.Join(parts, " · ")
}

// platformsOf returns the platforms of a release, without versions of Windows.
func platformsOf(r *report.Document) (all []string) {
	for _, m := range r.Made {
		if p := m.Platform.Platform; p.OS != "" {
			p.OSVersion = ""
			all = append(all, images.FormatPlatform(p))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// facts returns the key figures of a release.
func facts(r *report.Document) []fact {
	var published int
	var size int64
	counts := map[string]int{}
	for _, m := range r.Made {
		counts[m.Kind]++
		if strings.HasPrefix(m.Path, "dist/artifacts/") {
			published++
			size += m.Size
		}
	}
	indexes := ""
	if n := counts["index"]; n > 0 {
		indexes = plural(n, "index", "indexes")
	}
	out := slices.DeleteFunc([]fact{
		{"Binaries", fmt.Sprint(counts["binary"]), ""},
		{"Images", fmt.Sprint(counts["image"]), indexes},
		{"Archives", fmt.Sprint(counts["archive"]), ""},
		{"Published files", fmt.Sprint(published), progress.FormatBytes(size)},
	}, func(f fact) bool { return f.Value == "0" })
	if n := len(r.Packages); n > 0 {
		out = append(out, fact{"Packages", fmt.Sprint(n), "in SBOMs"})
	}
	return out
}

// plural returns a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
