package bundle

import "testing"

func TestPackageVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                    "1.2.3",
		"1.36":                      "1.36",
		"v1.36.0+rke2r1":            "1.36.0+rke2r1",
		"v1.36.0-rc1+rke2r1":        "1.36.0~rc1+rke2r1",
		"v1.36.0-alpha-2.3":         "1.36.0~alpha.2.3",
		"v0.1.0+dev.1a2b3c4d":       "0.1.0+dev.1a2b3c4d",
		"v0.1.0+dev.1a2b3c4d-dirty": "0.1.0+dev.1a2b3c4d.dirty",
	} {
		if got, err := packageVersion(version); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", version, got, err, want)
		}
	}
	for _, version := range []string{"", "v", "nightly", "v1.2_3", "1:2.3", "1 2"} {
		if got, err := packageVersion(version); err == nil {
			t.Errorf("%q: got %q, want an error", version, got)
		}
	}
}

// TestVersionsSort compares the order of versions in dpkg with the order of semantic versions.
func TestVersionsSort(t *testing.T) {
	ordered := []string{"v1.2.3-alpha1", "v1.2.3-rc1+rke2r1", "v1.2.3", "v1.2.3+rke2r1", "v1.2.3+rke2r2", "v1.2.10-rc1", "v1.2.10"}
	for i := range len(ordered) - 1 {
		a, err := packageVersion(ordered[i])
		must(t, err)
		b, err := packageVersion(ordered[i+1])
		must(t, err)
		run(t, ".", "dpkg", "--compare-versions", a, "lt", b)
	}
}

func TestRelations(t *testing.T) {
	for _, c := range []struct{ in, deb, rpm string }{
		{"iptables", "iptables", "iptables"},
		{"iptables>=1.8", "iptables (>= 1.8)", "iptables >= 1.8"},
		{"iptables (>= 1.8)", "iptables (>= 1.8)", "iptables >= 1.8"},
		{"iptables < 2", "iptables (<< 2)", "iptables < 2"},
		{"iptables (>> 1.8-1)", "iptables (>> 1.8-1)", "iptables > 1.8-1"},
		{"a | b (>= 2)", "a | b (>= 2)", "a | b (>= 2)"},
		{"libc.so.6(GLIBC_2.14)(64bit)", "libc.so.6(GLIBC_2.14)(64bit)", "libc.so.6(GLIBC_2.14)(64bit)"},
	} {
		if got := relations([]string{c.in}, debRelation); got[0] != c.deb {
			t.Errorf("%s: got %q for a deb, want %q", c.in, got[0], c.deb)
		}
		if got := relations([]string{c.in}, rpmRelation); got[0] != c.rpm {
			t.Errorf("%s: got %q for an rpm, want %q", c.in, got[0], c.rpm)
		}
	}
}
