// Package hook runs the commands of slipway.yaml that prepare or follow a build.
//
// A hook is one command. Its inputs are the files that determine its result, and its outputs are the files that it
// makes. A record contains the state of inputs and outputs after the last successful run.
//
// # When a hook runs
//
// A hook with inputs is skipped while its command, its environment, its inputs and its outputs are the same as in its
// record. That takes one stat for each file; a file whose times have changed is read and compared. A hook without
// inputs always runs.
//
// # Environment
//
// A hook gets the variables that programs need to find their libraries, their files, their user and the network, those
// of Env, and Secrets. The inherited variables are not part of the record, so the result of a hook should not depend on
// them. The values of secrets are replaced in everything that it prints.
//
// # What a hook may do
//
// A hook may change its outputs, the files that it ignores, and everything outside the project's folder. It is an error
// if a hook changes its inputs or another file of the project, or does not make its outputs. Its processes end with it.
package hook
