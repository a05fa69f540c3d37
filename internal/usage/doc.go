// Package usage marks errors that the user of a command corrects: a wrong flag, environment variable,
// argument or line of slipway.yaml. Commands that end with one have the exit status 2; all other failures
// have 1.
package usage
