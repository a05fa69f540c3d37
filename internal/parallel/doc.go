// Package parallel runs the steps of a job at the same time.
//
// Each runs a number of steps, a few at once, and reports the errors of all. A Memo makes a value once, however
// many steps ask for it; together they let each step pull what it needs, without a scheduler. x/sync/singleflight
// is not used for that, because it forgets a value as soon as the callers that wait for it have it.
package parallel
