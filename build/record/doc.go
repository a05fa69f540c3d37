// Package record records what a run did, when, on which machine, and why.
//
// A run is one command, such as "slipway package". A Record has its tasks (package progress), with their times, and the
// steps of the plan that it made or found up to date, with the changes that were the reasons (package why). A Recorder is
// the sink of tasks that collects them. A lane is a row of a timeline: tasks that ran at the same time are in different
// lanes. The critical path of a run has the tasks that its end waited for.
//
// The cache of a machine keeps the last record of each command and shard (Keep, Kept), and a run writes its record to a
// file if it is asked to. A record depends on the clock, so it is never in dist.
//
// Records contain no secrets: those that are known, and those that have the form of one, are replaced.
package record
