// Package targets has the Mage targets for any project with a slipway.yaml. A magefile imports all
// of them with
//
//	//mage:import
//	_ "github.com/slipway-build/slipway/build/targets"
//
// It exports only targets, and no other package imports mage. Environment variables override values
// of slipway.yaml; docs/coming-from-rke2.md lists them.
package targets
