package engine

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/appdefaults"

	// Connection helpers for a buildkitd that does not listen on a network.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	_ "github.com/moby/buildkit/client/connhelper/npipe"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"

	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/engine/endpoint"
)

// helloTimeout limits the time for an engine to respond. A kube-pod:// or ssh:// address starts a
// program first.
const helloTimeout = 30 * time.Second

// A connection is an engine that has responded.
type connection struct {
	buildkit *buildkit.Client
	// docker is Docker Engine's own API; nil for a buildkitd.
	docker *docker.Client
	// classic is docker.Info.Classic.
	classic bool
	// version is BuildKit's version, such as v0.32; empty if unknown.
	version string
	workers []*buildkit.WorkerInfo
	// dockerVersion is that of Docker Engine; empty for a buildkitd.
	dockerVersion string
}

func (c *connection) close() {
	if c.buildkit != nil {
		c.buildkit.Close()
	}
	if c.docker != nil {
		c.docker.Close()
	}
}

// connectBuildkit connects to a buildkitd.
func connectBuildkit(ctx context.Context, o Options) (*connection, error) {
	address := o.buildkitAddress()
	fail := func(err error) (*connection, error) {
		return nil, &lostError{fmt.Errorf("connecting to BuildKit at %s: %w\nset BUILDKIT_HOST to the address of a buildkitd, or start one here: buildkitd --addr %s",
			address, endpoint.Plain(err), address)}
	}
	if err := endpoint.CheckBuildkit(address); err != nil {
		return fail(err)
	}
	if err := o.TLS.Check(); err != nil {
		return fail(err)
	}
	var options []buildkit.ClientOpt
	if o.TLS != (endpoint.TLS{}) {
		u, err := url.Parse(address)
		if err != nil {
			return fail(err)
		}
		name := o.TLS.ServerName
		if name == "" {
			name = u.Hostname()
		}
		if o.TLS.CACert != "" {
			options = append(options, buildkit.WithServerConfig(name, o.TLS.CACert))
		} else {
			options = append(options, buildkit.WithServerConfigSystem(name))
		}
		if o.TLS.Cert != "" || o.TLS.Key != "" {
			options = append(options, buildkit.WithCredentials(o.TLS.Cert, o.TLS.Key))
		}
	}
	client, err := buildkit.New(ctx, address, options...)
	if err != nil {
		return fail(err)
	}
	conn := &connection{buildkit: client}
	if err := conn.hello(ctx); err != nil {
		conn.close()
		return fail(err)
	}
	return conn, nil
}

// hello returns an error unless BuildKit responds.
func (c *connection) hello(ctx context.Context) error {
	hello, cancel := context.WithTimeoutCause(ctx, helloTimeout, fmt.Errorf("no answer within %v", helloTimeout))
	defer cancel()
	workers, err := c.buildkit.ListWorkers(hello)
	if err != nil && ctx.Err() == nil && hello.Err() != nil {
		return context.Cause(hello)
	}
	c.version, c.workers = versionOf(workers), workers
	return err
}

// connectDocker connects to Docker Engine and the BuildKit inside it.
func connectDocker(ctx context.Context, o Options) (*connection, error) {
	fail := func(err error) (*connection, error) {
		return nil, fmt.Errorf("connecting to Docker Engine at %s: %w\nset DOCKER_HOST to the address of an Engine (20.10 or newer), or start one here: systemctl start docker",
			o.dockerOptions().Host(), endpoint.Plain(err))
	}
	if err := endpoint.CheckDocker(o.dockerOptions().Host()); err != nil {
		return fail(err)
	}
	client, err := docker.Connect(o.dockerOptions())
	if err != nil {
		return fail(err)
	}
	conn := &connection{docker: client}
	hello, cancel := context.WithTimeoutCause(ctx, helloTimeout, fmt.Errorf("no answer within %v", helloTimeout))
	defer cancel()
	info, err := client.Info(hello)
	if err != nil {
		if ctx.Err() == nil && hello.Err() != nil {
			err = context.Cause(hello)
		}
		conn.close()
		return fail(err)
	}
	conn.classic, conn.dockerVersion = info.Classic, info.Version
	conn.buildkit, err = buildkit.New(ctx, "",
		buildkit.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return client.Dial(ctx, "/grpc", "h2c", nil)
		}),
		buildkit.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return client.Dial(ctx, "/session", proto, meta)
		}))
	if err == nil {
		err = conn.hello(ctx)
	}
	if err != nil {
		conn.close()
		return fail(fmt.Errorf("its version is %s, but its BuildKit does not answer: %w", info.Version, err))
	}
	return conn, nil
}

func (o Options) buildkitAddress() string {
	if o.Address != "" {
		return o.Address
	}
	return appdefaults.Address
}

// dockerOptions returns the options of a Docker Engine.
func (o Options) dockerOptions() docker.Options {
	return docker.Options{Address: o.Address, TLS: o.TLS}
}
