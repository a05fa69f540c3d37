package docker

import (
	"context"
	"net"

	"github.com/docker/cli/cli/connhelper"
	docker "github.com/docker/docker/client"

	"github.com/slipway-build/slipway/images/engine/endpoint"
)

// Options specify a Docker Engine.
type Options struct {
	// Address is unix://, tcp://, ssh:// or npipe://, as in DOCKER_HOST. Empty means the default socket.
	Address string
	// TLS is for tcp:// addresses. The zero value means plain TCP.
	TLS endpoint.TLS
}

// Host returns the address, or that of the default socket.
func (o Options) Host() string {
	if o.Address != "" {
		return o.Address
	}
	return docker.DefaultDockerHost
}

// A Client talks to one Docker Engine.
type Client struct {
	api  *docker.Client
	host string
}

// Connect returns a client. It sends no request. It is an error if a file for TLS cannot be read.
func Connect(o Options) (*Client, error) {
	if err := o.TLS.Check(); err != nil {
		return nil, err
	}
	options := []docker.Opt{docker.WithAPIVersionNegotiation()}
	helper, err := connhelper.GetConnectionHelper(o.Host())
	if err != nil {
		return nil, err
	}
	if helper != nil { // ssh://
		options = append(options, docker.WithHost(helper.Host), docker.WithDialContext(helper.Dialer))
	} else {
		options = append(options, docker.WithHost(o.Host()))
	}
	if o.TLS != (endpoint.TLS{}) {
		options = append(options, docker.WithTLSClientConfig(o.TLS.CACert, o.TLS.Cert, o.TLS.Key))
	}
	api, err := docker.NewClientWithOpts(options...)
	if err != nil {
		return nil, err
	}
	return &Client{api, o.Host()}, nil
}

// Close closes the connections of the client.
func (c *Client) Close() error { return c.api.Close() }

// Info describes a Docker Engine.
type Info struct {
	// Version is the version of the Engine, such as 28.3.2.
	Version string
	// Classic means that images are in the Engine's own store, not in containerd's. Such an Engine cannot export layers
	// through BuildKit's API, or read them through it.
	Classic bool
}

// Info requests the description of the Engine.
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, err := c.api.Info(ctx)
	if err != nil {
		return Info{}, err
	}
	found := Info{Version: info.ServerVersion, Classic: true}
	for _, status := range info.DriverStatus {
		if status == [2]string{"driver-type", "io.containerd.snapshotter.v1"} {
			found.Classic = false
		}
	}
	return found, nil
}

// Podman returns the version of Podman, which has Docker's API, too, or "" if it is a Docker Engine.
func (c *Client) Podman(ctx context.Context) (string, error) {
	version, err := c.api.ServerVersion(ctx)
	if err != nil {
		return "", err
	}
	for _, component := range version.Components {
		if component.Name == "Podman Engine" {
			return component.Version, nil
		}
	}
	return "", nil
}

// Dial opens a connection to a service inside the Engine, such as BuildKit at /grpc, by an HTTP upgrade to protocol.
func (c *Client) Dial(ctx context.Context, path, protocol string, header map[string][]string) (net.Conn, error) {
	return c.api.DialHijack(ctx, path, protocol, header)
}
