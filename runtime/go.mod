// This module pins the upstream programs in our runtime images: their versions here, their
// bytes in go.sum. It is a separate module, so that the versions of their dependencies and
// of Slipway's dependencies do not affect each other. slipway.yaml builds each program by
// its import path. To update: go get PROGRAMS@VERSION && go mod tidy, in this folder.
module github.com/slipway-build/slipway/runtime

go 1.26.3

tool (
	github.com/containernetworking/plugins/plugins/ipam/host-local // linux, windows
	github.com/containernetworking/plugins/plugins/main/bridge // linux
	github.com/containernetworking/plugins/plugins/main/loopback // linux
	github.com/containernetworking/plugins/plugins/main/windows/win-bridge // windows
	github.com/containernetworking/plugins/plugins/main/windows/win-overlay // windows
	github.com/containernetworking/plugins/plugins/meta/portmap // linux
)

require (
	github.com/Microsoft/go-winio v0.6.2 // indirect
	github.com/Microsoft/hcsshim v0.12.9 // indirect
	github.com/alexflint/go-filemutex v1.3.0 // indirect
	github.com/buger/jsonparser v1.1.1 // indirect
	github.com/containerd/cgroups/v3 v3.0.3 // indirect
	github.com/containerd/errdefs v0.3.0 // indirect
	github.com/containerd/errdefs/pkg v0.3.0 // indirect
	github.com/containerd/typeurl/v2 v2.2.0 // indirect
	github.com/containernetworking/cni v1.3.0 // indirect
	github.com/containernetworking/plugins v1.7.1 // indirect
	github.com/coreos/go-iptables v0.8.0 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/groupcache v0.0.0-20210331224755-41bb18bfe9da // indirect
	github.com/mattn/go-shellwords v1.0.12 // indirect
	github.com/networkplumbing/go-nft v0.4.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/safchain/ethtool v0.5.10 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/vishvananda/netlink v1.3.1-0.20250303224720-0e7078ed04c8 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	go.opencensus.io v0.24.0 // indirect
	golang.org/x/sys v0.32.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20240903143218-8af14fe29dc1 // indirect
	google.golang.org/grpc v1.67.0 // indirect
	google.golang.org/protobuf v1.36.5 // indirect
	sigs.k8s.io/knftables v0.0.18 // indirect
)
