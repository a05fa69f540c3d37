//go:build selinux

package features

func init() { Enabled = append(Enabled, "selinux") }
