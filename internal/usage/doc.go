// Package usage marks errors that the user of a command must correct: a wrong flag, environment variable, argument or
// line of slipway.yaml. A command with such an error has the exit status 2; after all other failures, the status is 1.
package usage
