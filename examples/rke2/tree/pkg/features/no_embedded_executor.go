//go:build no_embedded_executor

package features

func init() { Enabled = append(Enabled, "no_embedded_executor") }
