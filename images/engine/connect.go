package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
	docker "github.com/docker/docker/client"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/appdefaults"

	// Connection helpers for a buildkitd that does not listen on a network.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	_ "github.com/moby/buildkit/client/connhelper/npipe"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"
)

// helloTimeout limits the time for an engine to respond. A kube-pod:// or ssh:// address starts a
// program first.
const helloTimeout = 30 * time.Second

// A connection is an engine that has responded.
type connection struct {
	buildkit *buildkit.Client
	// docker is Docker Engine's own API; nil for a buildkitd.
	docker *docker.Client
	// classic means that images are in Docker Engine's own store, not in containerd's. Such an
	// engine neither exports layers through BuildKit's API nor reads them through it.
	classic bool
	// version is BuildKit's version, as v0.32, or empty if unknown.
	version string
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
		return nil, fmt.Errorf("connecting to BuildKit at %s: %w\nset BUILDKIT_HOST to the address of a buildkitd, or start one here: buildkitd --addr %s",
			address, plain(err), address)
	}
	if err := checkAddress(address, buildkitSchemes); err != nil {
		return fail(err)
	}
	if err := o.TLS.check(); err != nil {
		return fail(err)
	}
	var options []buildkit.ClientOpt
	if !o.TLS.isZero() {
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

// Supported schemes of addresses.
var (
	buildkitSchemes = []string{"unix", "tcp", "docker-container", "podman-container", "nerdctl-container", "kube-pod", "ssh", "npipe"}
	dockerSchemes   = []string{"unix", "tcp", "ssh", "npipe", "http", "https"}
)

// CheckBuildkitAddress checks the syntax of a buildkitd's address without connecting.
func CheckBuildkitAddress(address string) error { return checkAddress(address, buildkitSchemes) }

func checkAddress(address string, known []string) error {
	scheme, rest, _ := strings.Cut(address, "://")
	if !slices.Contains(known, scheme) || rest == "" {
		return fmt.Errorf("address %q: want %s://…, such as tcp://arm-builder:1234", address, strings.Join(known, "://…, "))
	}
	return nil
}

// hello returns an error unless BuildKit responds.
func (c *connection) hello(ctx context.Context) error {
	hello, cancel := context.WithTimeoutCause(ctx, helloTimeout, fmt.Errorf("no answer within %v", helloTimeout))
	defer cancel()
	workers, err := c.buildkit.ListWorkers(hello)
	if err != nil && ctx.Err() == nil && hello.Err() != nil {
		return context.Cause(hello)
	}
	c.version = versionOf(workers)
	return err
}

// connectDocker connects to Docker Engine and the BuildKit inside it.
func connectDocker(ctx context.Context, o Options) (*connection, error) {
	fail := func(err error) (*connection, error) {
		return nil, fmt.Errorf("connecting to Docker Engine at %s: %w\nset DOCKER_HOST to the address of an Engine (20.10 or newer), or start one here: systemctl start docker",
			o.dockerAddress(), plain(err))
	}
	if err := checkAddress(o.dockerAddress(), dockerSchemes); err != nil {
		return fail(err)
	}
	client, err := o.dockerClient()
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
	conn.classic = true
	for _, status := range info.DriverStatus {
		if status == [2]string{"driver-type", "io.containerd.snapshotter.v1"} {
			conn.classic = false
		}
	}
	conn.buildkit, err = buildkit.New(ctx, "",
		buildkit.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return client.DialHijack(ctx, "/grpc", "h2c", nil)
		}),
		buildkit.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return client.DialHijack(ctx, "/session", proto, meta)
		}))
	if err == nil {
		err = conn.hello(ctx)
	}
	if err != nil {
		conn.close()
		return fail(fmt.Errorf("its version is %s, but its BuildKit does not answer: %w", info.ServerVersion, err))
	}
	return conn, nil
}

// dockerClient returns a client of Docker Engine's API. It sends nothing yet.
func (o Options) dockerClient() (*docker.Client, error) {
	if err := o.TLS.check(); err != nil {
		return nil, err
	}
	options := []docker.Opt{docker.WithAPIVersionNegotiation()}
	address := o.dockerAddress()
	helper, err := connhelper.GetConnectionHelper(address)
	if err != nil {
		return nil, err
	}
	if helper != nil { // ssh://
		options = append(options, docker.WithHost(helper.Host), docker.WithDialContext(helper.Dialer))
	} else {
		options = append(options, docker.WithHost(address))
	}
	if !o.TLS.isZero() {
		options = append(options, docker.WithTLSClientConfig(o.TLS.CACert, o.TLS.Cert, o.TLS.Key))
	}
	return docker.NewClientWithOpts(options...)
}

func (o Options) buildkitAddress() string {
	if o.Address != "" {
		return o.Address
	}
	return appdefaults.Address
}

func (o Options) dockerAddress() string {
	if o.Address != "" {
		return o.Address
	}
	return docker.DefaultDockerHost
}

// plain strips what gRPC and Docker's client add to an error.
func plain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s := err.Error()
	for _, noise := range []string{"rpc error: ", "code = Unavailable ", "code = Unknown ", "desc = ", "connection error: ",
		"failed to list workers: ", "failed to solve: ", "Unavailable: ", "Error while dialing: "} {
		s = strings.ReplaceAll(s, noise, "")
	}
	if quoted, err := strconv.Unquote(s); err == nil {
		s = quoted
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "transport: "), "Error while dialing: ")
	if s == err.Error() {
		return err
	}
	return &plainError{s, err}
}

// plainError is an error with another text.
type plainError struct {
	message string
	err     error
}

func (e *plainError) Error() string { return e.message }
func (e *plainError) Unwrap() error { return e.err }
