package ci

import (
	"errors"

	"github.com/slipway-build/slipway/build/release"
)

// A Job is one command as it is reported to a CI service.
type Job struct {
	// Command is the command without its arguments, such as "slipway build".
	Command string
	// Result is what the command made or published. It is empty if it failed before.
	Result   release.Report
	Warnings []string
	// Failure is why the command failed, or nil.
	Failure error
}

// Write writes the outputs of a job that succeeded, its summary and its findings.
func (f Files) Write(j Job) error {
	var outputs error
	if j.Failure == nil {
		outputs = f.writeOutputs(j.Result)
	}
	return errors.Join(outputs, f.writeSummary(j), f.writeFindings(j))
}
