package suggest

import "testing"

func TestDidYouMean(t *testing.T) {
	known := []string{"platforms", "project", "publish", "OS", "ltsc2022", "ltsc2025"}
	for word, want := range map[string]string{
		"platform": "platforms", "projcet": "project", "Project": "project", "pubish": "publish",
		"os": "OS", "ltsc2023": "ltsc2022", "xyz": "", "": "", "x": "", "paltfomrs": "platforms",
	} {
		if want != "" {
			want = ` (did you mean "` + want + `"?)`
		}
		if got := DidYouMean(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
