package ci

import (
	"errors"

	"github.com/slipway-build/slipway/build/release"
)

// A Job is a command and its result, for a report to a CI service.
type Job struct {
	// Command is the command without its arguments, such as "slipway build".
	Command string
	// Result is what the command made or published. It is empty if the command failed before.
	Result   release.Report
	Warnings []string
	// Failure is the error of the command, or nil.
	Failure error
}

// Write writes the outputs of a successful job, and the summary and the findings of any job.
func (f Files) Write(j Job) error {
	var outputs error
	if j.Failure == nil {
		outputs = f.writeOutputs(j.Result)
	}
	return errors.Join(outputs, f.writeSummary(j), f.writeFindings(j))
}
