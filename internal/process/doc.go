// Package process starts other programs and ends them. It is the only package
// that runs commands.
//
// # How children end
//
// A child and everything that it starts end with this process, also when this
// process is killed and can do nothing more:
//
//   - On Unix each child has a process group, led by a guard: a shell that waits
//     for the end of a pipe that only we hold open, and then kills the group. A
//     process that leaves the group, as a daemon does, is not reached.
//   - On Windows this process and its children are in a job that ends with its last
//     handle, which we hold.
//
// # How this process ends
//
// Interruptible turns the signals that ask for an end into a cancelled context
// whose cause is an Interruption; doors take the exit status from it.
//
// # What children know
//
// A child inherits the variables that its caller allows (Allowed), or, if a library
// starts it, all but the secrets that Withhold has taken out of the environment.
package process
