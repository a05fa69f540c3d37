package process

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// newJob returns a job whose processes end when its last handle is closed. Children do not inherit
// the handle, so it is closed when this process ends.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("creating a job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		windows.CloseHandle(job)
		return 0, fmt.Errorf("limiting a job object: %w", err)
	}
	return job, nil
}

// ownChildren puts this process, and thus all children that it starts later, into a job. The handle
// stays open for the lifetime of the process.
var ownChildren = sync.OnceValue(func() error {
	job, err := newJob()
	if err != nil {
		return err
	}
	if err := windows.AssignProcessToJobObject(job, windows.CurrentProcess()); err != nil {
		windows.CloseHandle(job)
		return fmt.Errorf("joining a job object: %w", err)
	}
	return nil
})

func runGuarded(ctx context.Context, cmd *exec.Cmd) error {
	if err := ownChildren(); err != nil {
		return err
	}
	job, err := newJob()
	if err != nil {
		return err
	}
	defer windows.CloseHandle(job)
	cmd.Cancel = func() error {
		_ = windows.TerminateJobObject(job, 1)
		return cmd.Process.Kill() // in case it has not joined the job yet
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Processes that the child starts before it joins end with ownChildren.
	if err := join(job, cmd); err == nil && ctx.Err() != nil {
		_ = windows.TerminateJobObject(job, 1)
	}
	return cmd.Wait()
}

// join puts cmd into job. A child that has already ended cannot join.
func join(job windows.Handle, cmd *exec.Cmd) error {
	child, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(child)
	return windows.AssignProcessToJobObject(job, child)
}
