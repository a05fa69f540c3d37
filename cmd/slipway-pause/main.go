//go:build linux

// Slipway-pause holds the namespaces of a pod: it is the first process in them,
// does nothing, and stays until it is told to go, so that containers can come and
// be restarted without the pod losing its network. It does what Kubernetes' pause
// does (build/pause/linux/pause.c there).
//
// Where containers of a pod share a process namespace it is the parent of every
// process that loses its own, and takes note of their ends, so that none stays
// behind as a zombie.
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

// version is linked in by -X.
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
	// The kernel merges signals of a kind that nobody has taken yet, and reap
	// takes all children that ended: room for one is enough.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)

	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "slipway-pause: warning: it should be the first process of its namespace, and is process", os.Getpid())
	}
	reap() // those that ended before anyone listened
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

// reap takes note of every child that has ended.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 {
			return // none has ended (0), or there is none (ECHILD)
		}
	}
}
