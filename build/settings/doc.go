// Package settings turns the environment, and the flags of a command, into options of the packages release and workbench.
//
// Settings are what a user can set for one run. From reads them from the environment. The packages release and workbench
// read no environment: they get options, and a function that looks up the variables that slipway.yaml and the secrets of
// images name. Only the programs import settings: cmd/slipway, build/cli and build/targets.
package settings
