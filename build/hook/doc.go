// Package hook runs the commands of slipway.yaml that prepare or follow a build.
//
// A hook is one command. Its inputs are the files that decide what it makes, and its outputs the files that it makes.
// A record says how inputs and outputs were after the last successful run.
//
// # When a hook runs
//
// A hook that names its inputs is skipped while its command, its environment, its inputs and its outputs are as its
// record says. That costs one stat for each of them; a file whose times have changed is read and compared. A hook
// without inputs always runs.
//
// # What a hook sees
//
// A hook has only the variables that programs need to find themselves, their files, their user and the network, those
// of Env, and Secrets. What is inherited is not part of the record, so nothing that is inherited should decide what the
// hook makes. The values of secrets are replaced in everything that it prints.
//
// # What a hook may do
//
// It may change its outputs, the files that it ignores, and everything outside the project's folder. A hook that changes
// its inputs or another file of the project fails, and so does one that does not make its outputs. Its processes end
// with it.
package hook
