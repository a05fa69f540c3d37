package engine_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/engine"
)

// Choose an engine. The builder connects to it when it assembles an image.
func ExampleBuildkit() {
	fmt.Println(engine.Buildkit(engine.Options{Address: "tcp://arm-builder:1234"}))
	fmt.Println(engine.Docker(engine.Options{Address: "ssh://root@arm-builder"}))
	// Output:
	// BuildKit at tcp://arm-builder:1234
	// Docker Engine at ssh://root@arm-builder
}
