package engine_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/engine"
)

// A builder of a BuildKit connects when it assembles an image. Its address can be checked before.
func ExampleBuildkit() {
	for _, address := range []string{"unix:///run/buildkit/buildkitd.sock", "buildkitd.sock"} {
		if err := engine.CheckBuildkitAddress(address); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(engine.Buildkit(engine.Options{Address: address}))
	}
	// Output:
	// BuildKit at unix:///run/buildkit/buildkitd.sock
	// address "buildkitd.sock": want unix://…, tcp://…, docker-container://…, podman-container://…, nerdctl-container://…, kube-pod://…, ssh://…, npipe://…, such as tcp://arm-builder:1234
}
