package engine_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/engine"
)

// A builder connects to its engine when it assembles an image.
func ExampleBuildkit() {
	fmt.Println(engine.Buildkit(engine.Options{Address: "tcp://arm-builder:1234"}))
	fmt.Println(engine.Docker(engine.Options{Address: "ssh://root@arm-builder"}))
	// Output:
	// BuildKit at tcp://arm-builder:1234
	// Docker Engine at ssh://root@arm-builder
}
