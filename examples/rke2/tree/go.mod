module github.com/rancher/rke2

go 1.25

require (
	github.com/k3s-io/helm-controller v0.0.0
	github.com/k3s-io/k3s v0.0.0
)

replace (
	github.com/k3s-io/helm-controller => ./third_party/helm-controller
	github.com/k3s-io/k3s => ./third_party/k3s
)
