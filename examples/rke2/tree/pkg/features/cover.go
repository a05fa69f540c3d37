//go:build cover

package features

func init() { Enabled = append(Enabled, "cover") }
