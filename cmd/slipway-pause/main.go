//go:build linux

// Slipway-pause holds the namespaces of a pod: it is their first process, does nothing, and stays
// until it is asked to exit, so that containers can come and go without the pod losing its network.
// It does the same as Kubernetes' pause (build/pause/linux/pause.c there).
//
// If the containers of a pod share a process namespace, it is the parent of every orphaned process,
// and reaps them, so that none stays behind as a zombie.
//
// Usage:
//
//	slipway-pause       wait for SIGINT or SIGTERM, then exit with status 0
//	slipway-pause -v    print the version
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker (-X).
var version = "dev"

func main() {
	switch {
	case len(os.Args) == 1:
		pause()
	case len(os.Args) == 2 && os.Args[1] == "-v":
		fmt.Println("slipway-pause", version)
	default:
		fmt.Fprintln(os.Stderr, "usage: slipway-pause [-v]")
		os.Exit(2)
	}
}

func pause() {
	// The kernel merges pending signals of the same kind, and reap handles all children that have
	// ended: a buffer of one is enough.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)

	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "slipway-pause: warning: it should be the first process of its namespace, and is process", os.Getpid())
	}
	reap() // those that ended before the signal handler was installed
	for {
		select {
		case s := <-stop:
			fmt.Fprintln(os.Stderr, "slipway-pause: shutting down, got signal:", s)
			return
		case <-children:
			reap()
		}
	}
}

// reap waits for every child that has ended.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 {
			return // none has ended (0), or there are no children (ECHILD)
		}
	}
}
