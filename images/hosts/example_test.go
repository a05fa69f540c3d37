package hosts_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/hosts"
)

// Configure a mirror, and list the hosts of a registry: its mirrors, in order, and then its own
// server.
func ExampleOptions_Of() {
	options := hosts.Options{}.With("docker.io", hosts.Setting{Mirrors: []string{"https://mirror.example.com:5000/docker-hub"}})
	found, err := options.Of("docker.io")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, host := range found {
		fmt.Println(host.Address, host.Path, host.Mirror)
	}
	// Output:
	// mirror.example.com:5000 /docker-hub/v2 true
	// docker.io /v2 false
}
