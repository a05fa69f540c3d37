package progress

import (
	"fmt"
	"time"

	"github.com/mattn/go-runewidth"
)

// FormatBytes formats a size in decimal units, as registries and disks do: 712 B, 45.2 MB.
func FormatBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	// From 999.95 on, rounding to one digit would give 1000.0.
	for value >= 999.95 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

var units = []string{"kB", "MB", "GB", "TB", "PB", "EB"}

// FormatDuration formats a duration for people: 0.3s, 42.0s, 1m05s, 2h03m.
func FormatDuration(d time.Duration) string {
	switch d = d.Round(100 * time.Millisecond); {
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// columns measures text in terminal cells; a character takes zero, one or two. runewidth's default
// depends on the locale, this does not.
func columns() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// pad fills s with spaces up to width cells.
func pad(s string, width int) string { return columns().FillRight(s, width) }

// cut shortens s to at most width cells, with an ellipsis at the end.
func cut(s string, width int) string { return columns().Truncate(s, width, "…") }

// width returns the number of cells of s.
func width(s string) int { return columns().StringWidth(s) }
