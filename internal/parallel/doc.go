// Package parallel runs the steps of a job at the same time.
//
// Each runs a number of steps, a few at a time, and reports the errors of all. A Memo makes a value once, however many
// steps request it. Together they let each step request what it needs, without a scheduler. Share lets concurrent
// callers share one call. x/sync/singleflight can replace neither: it forgets a value at once, and its callers share
// the cancellation of the first one.
package parallel
