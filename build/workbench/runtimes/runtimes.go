package runtimes

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Runtime is a kind of container runtime.
type Runtime string

// The runtimes.
const (
	Containerd Runtime = "containerd"
	Docker     Runtime = "docker"
	Podman     Runtime = "podman"
)

// all are the runtimes, with the sockets at which they are looked for, in this order.
var all = []struct {
	name    Runtime
	sockets []string
}{
	// k3s and RKE2 have a containerd of their own.
	{Containerd, []string{"/run/k3s/containerd/containerd.sock", "/run/containerd/containerd.sock"}},
	{Docker, []string{"/var/run/docker.sock"}},
	{Podman, []string{"/run/podman/podman.sock"}},
}

// Names returns the names of all runtimes.
func Names() []string {
	var names []string
	for _, r := range all {
		names = append(names, string(r.name))
	}
	return names
}

// pipes are the addresses on Windows (containerd, defaults.DefaultAddress; Docker, client.DefaultDockerHost).
var pipes = map[Runtime]string{Containerd: `\\.\pipe\containerd-containerd`, Docker: "npipe:////./pipe/docker_engine"}

// A found is a runtime that was found, with its address.
type found struct {
	name    Runtime
	address string
}

// find returns the runtime that is meant, and waits up to wait until its socket appears. An empty name means the one
// whose socket is there.
func find(ctx context.Context, name Runtime, address string, wait time.Duration) (found, error) {
	if name != "" && !slices.Contains(Names(), string(name)) {
		return found{}, usage.Errorf("--runtime %s: want %s", name, strings.Join(Names(), ", "))
	}
	if address != "" {
		if name == "" {
			name = byAddress(address)
		}
		return found{name, address}, nil
	}
	if runtime.GOOS == "windows" {
		if pipe := pipes[cmp.Or(name, Containerd)]; pipe != "" {
			return found{cmp.Or(name, Containerd), pipe}, nil
		}
		return found{}, usage.Errorf("--runtime %s: name its address with --address", name)
	}
	var there []found
	err := load.WaitFor(ctx, wait, func() (bool, error) {
		if there = present(name); len(there) > 0 {
			return true, nil
		}
		return false, fmt.Errorf("no runtime found: none of the sockets %s is there; name one with --address, or wait for it with --wait", strings.Join(sockets(name), ", "))
	})
	if err != nil {
		return found{}, err
	}
	if len(there) > 1 {
		var list []string
		for _, f := range there {
			list = append(list, fmt.Sprintf("%s at %s", f.name, f.address))
		}
		return found{}, usage.Errorf("several runtimes are here, %s: choose with --runtime", strings.Join(list, ", "))
	}
	return there[0], nil
}

// byAddress returns the runtime that an address looks like.
func byAddress(address string) Runtime {
	base := address[strings.LastIndexAny(address, `/\`)+1:]
	switch {
	case strings.Contains(base, "podman"):
		return Podman
	case strings.Contains(base, "docker"), strings.HasPrefix(address, "tcp://"), strings.HasPrefix(address, "ssh://"):
		return Docker
	}
	return Containerd
}

// present returns the runtimes whose socket is there, each with the first one.
func present(name Runtime) (there []found) {
	for _, r := range all {
		if name != "" && name != r.name {
			continue
		}
		for _, s := range r.sockets {
			if _, err := os.Stat(s); err == nil {
				there = append(there, found{r.name, s})
				break
			}
		}
	}
	return there
}

func sockets(name Runtime) (list []string) {
	for _, r := range all {
		if name == "" || name == r.name {
			list = append(list, r.sockets...)
		}
	}
	return list
}

// ConnectContainerd connects to a containerd, to the one whose socket is found if address is empty.
func ConnectContainerd(ctx context.Context, address, namespace string) (*containerd.Client, error) {
	at, err := find(ctx, Containerd, address, 0)
	if err != nil {
		return nil, err
	}
	return containerd.Connect(ctx, containerd.Options{Address: strings.TrimPrefix(at.address, "unix://"), Namespace: namespace}, 0)
}
