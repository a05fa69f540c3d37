package endpoint_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/engine/endpoint"
)

// Check the syntax of an address before connecting.
func ExampleCheckBuildkit() {
	fmt.Println(endpoint.CheckBuildkit("unix:///run/buildkit/buildkitd.sock"))
	fmt.Println(endpoint.CheckBuildkit("buildkitd.sock"))
	// Output:
	// <nil>
	// address "buildkitd.sock": want unix://…, tcp://…, docker-container://…, podman-container://…, nerdctl-container://…, kube-pod://…, ssh://…, npipe://…, such as tcp://arm-builder:1234
}
