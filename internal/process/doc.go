// Package process starts other programs and ends them. It is the only package that runs commands.
//
// A child is a process that this one starts. A guard is a helper process that ends the child's
// process group. An interruption is a signal that asks this process to end.
//
// # How children end
//
// A child and everything that it starts end with this process, even if this process is killed:
//
//   - On Unix, each child has a process group, led by a guard: a shell that waits for the end of a
//     pipe that only we hold open, and then kills the group. A process that leaves the group, as a
//     daemon does, is not affected.
//   - On Windows, this process and its children are in a job that ends when its last handle is
//     closed. We hold that handle.
//
// # How this process ends
//
// Interruptible turns signals into a canceled context whose cause is an Interruption, which
// determines the exit status.
//
// # What children inherit
//
// A child inherits the environment variables that its caller allows (Allowed). If a library starts
// it, it inherits all but the secrets that Withhold has removed from the environment.
package process
