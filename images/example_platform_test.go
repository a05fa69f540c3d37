package images_test

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

func ExampleKeyOf() {
	made := map[images.PlatformKey]string{
		images.KeyOf(v1.Platform{OS: "linux", Architecture: "arm"}): "image",
	}
	fmt.Println(made[images.KeyOf(v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"})])
	// Output: image
}

func ExampleWindowsBuild() {
	fmt.Println(images.WindowsBuild("10.0.20348.4294"))
	// Output: 10.0.20348
}

// Select the image for a node with an unknown revision of Windows: the newest image of its build.
func ExampleSelectPlatform() {
	var offered []v1.Platform
	for _, text := range []string{"linux/amd64", "windows/amd64:10.0.17763.7919", "windows/amd64:10.0.20348.4294"} {
		p, err := images.ParsePlatform(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		offered = append(offered, p)
	}
	want, err := images.ParsePlatform("windows/amd64:10.0.20348.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	i, err := images.SelectPlatform(want, offered)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(images.FormatPlatform(offered[i]))
	// Output: windows/amd64:10.0.20348.4294
}
