// The program of the example prints what a release of RKE2 links into its binary.
package main

import (
	"crypto/sha256"
	"fmt"

	"github.com/k3s-io/helm-controller/pkg/controllers/chart"
	"github.com/k3s-io/k3s/pkg/cloudprovider"
	"github.com/k3s-io/k3s/pkg/version"

	"github.com/rancher/rke2/pkg/features"
	"github.com/rancher/rke2/pkg/images"
	"github.com/rancher/rke2/pkg/sqlite"
)

func main() {
	fmt.Println(version.Program, version.Version, version.GitCommit)
	fmt.Println(images.DefaultRuntimeImage, images.DefaultKubernetesImage, images.DefaultEtcdImage, images.DefaultPauseImage)
	fmt.Println(images.DefaultCloudControllerManagerImage, cloudprovider.DefaultLBImage, chart.DefaultJobImage)
	fmt.Println(images.DefaultRegistry, images.PrimeRegistry)
	fmt.Println(features.Enabled, sqlite.Version())
	fmt.Printf("%x\n", sha256.Sum256([]byte(version.Version)))
}
