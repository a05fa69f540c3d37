// Package targets has the Mage targets of any project with a slipway.yaml. A magefile
// takes them all with
//
//	//mage:import
//	_ "github.com/slipway-build/slipway/build/targets"
//
// It exports nothing but targets, and no other package imports mage. The environment
// says what differs from slipway.yaml; docs/coming-from-rke2.md lists it.
package targets
