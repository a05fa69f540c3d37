// Package settings converts the environment, and the flags of a command, to options of the packages release and
// workbench.
//
// Settings are everything that a user can set for one run. From reads them from the environment. The packages release
// and workbench do not read the environment: they get options, and a function that looks up the variables for
// slipway.yaml and the secrets of images. Only the programs import settings: cmd/slipway, build/cli and build/targets.
package settings
