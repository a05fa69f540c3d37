// Package parallel runs the steps of a job at the same time.
//
// Each runs a number of steps, a few at once, and reports the errors of all. A Memo makes a value once, however
// many steps ask for it; together they let each step pull what it needs, without a scheduler. Share lets callers
// that come at the same time share one call. x/sync/singleflight serves neither: it forgets a value at once, and
// its callers share the cancellation of the first one.
package parallel
