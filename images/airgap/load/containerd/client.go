package containerd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"github.com/containerd/containerd/v2/core/content"
	contentproxy "github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/pkg/dialer"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/slipway-build/slipway/images/airgap/load"
)

// DefaultNamespace is the namespace of Kubernetes.
const DefaultNamespace = "k8s.io"

// Options specify a containerd, and how it gets images.
type Options struct {
	// Address is the path of the socket, or of the named pipe on Windows.
	Address string
	// Namespace is the namespace of the images. The default is DefaultNamespace.
	Namespace string
	// Snapshotter unpacks the layers. The default is that of the namespace, or else that of containerd.
	Snapshotter string
	// NoUnpack leaves the layers packed. They are unpacked when a container starts.
	NoUnpack bool
	// Unpinned lets the kubelet remove the images when disks fill up.
	Unpinned bool
}

// maxMessage is the largest message of containerd's API, in bytes (containerd, defaults.DefaultMaxRecvMsgSize).
const maxMessage = 16 << 20

// A Client talks to one namespace of a containerd.
type Client struct {
	options Options
	conn    *grpc.ClientConn
	content content.Store
	// Version is the version of containerd.
	Version string

	images     imagesapi.ImagesClient
	leases     leasesapi.LeasesClient
	namespaces namespacesapi.NamespacesClient
	snapshots  snapshotsapi.SnapshotsClient
	diff       diffapi.DiffClient
}

// Connect connects to a containerd, and waits up to wait until it answers. A namespace that does not exist is an error,
// except for DefaultNamespace, which is created when something is loaded.
func Connect(ctx context.Context, o Options, wait time.Duration) (*Client, error) {
	o.Namespace = cmp.Or(o.Namespace, DefaultNamespace)
	conn, err := grpc.NewClient("passthrough:///"+dialer.DialAddress(o.Address),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dialer.ContextDialer),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("connecting to containerd at %s: %w", o.Address, err)
	}
	c := &Client{options: o, conn: conn, content: contentproxy.NewContentStore(aheadClient{contentapi.NewContentClient(conn)}),
		images: imagesapi.NewImagesClient(conn), leases: leasesapi.NewLeasesClient(conn), namespaces: namespacesapi.NewNamespacesClient(conn),
		snapshots: snapshotsapi.NewSnapshotsClient(conn), diff: diffapi.NewDiffClient(conn)}
	if err := c.prepare(ctx, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to containerd at %s: %w", o.Address, err), conn.Close())
	}
	return c, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Namespace returns the namespace of the images.
func (c *Client) Namespace() string { return c.options.Namespace }

// prepare waits until containerd answers, and determines its version, namespace and snapshotter.
func (c *Client) prepare(ctx context.Context, wait time.Duration) error {
	version, err := c.version(ctx, wait)
	if err != nil {
		return err
	}
	c.Version = strings.TrimPrefix(version.Version, "v")
	list, err := c.namespaces.List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return plain(err)
	}
	var names []string
	snapshotter := ""
	for _, n := range list.Namespaces {
		names = append(names, n.Name)
		if n.Name == c.options.Namespace {
			snapshotter = n.Labels["containerd.io/defaults/snapshotter"]
		}
	}
	if c.options.Namespace != DefaultNamespace && !slices.Contains(names, c.options.Namespace) {
		return fmt.Errorf("namespace %q does not exist there; it has %s (ctr namespaces create %s makes it)",
			c.options.Namespace, cmp.Or(strings.Join(names, ", "), "none"), c.options.Namespace)
	}
	c.options.Snapshotter = cmp.Or(c.options.Snapshotter, snapshotter, defaultSnapshotter())
	return nil
}

// defaultSnapshotter is that of containerd's own client.
func defaultSnapshotter() string {
	if runtime.GOOS == "windows" {
		return "windows"
	}
	return "overlayfs"
}

// answerTime limits the time for a containerd to answer that is not waited for.
const answerTime = 5 * time.Second

// version asks containerd for its version until it answers.
func (c *Client) version(ctx context.Context, wait time.Duration) (version *versionapi.VersionResponse, err error) {
	err = load.WaitFor(ctx, wait, func() (bool, error) {
		once, cancel := context.WithTimeout(ctx, max(answerTime, min(wait, time.Minute)))
		defer cancel()
		version, err = versionapi.NewVersionClient(c.conn).Version(once, &emptypb.Empty{})
		code := status.Code(err)
		return code != codes.Unavailable && code != codes.DeadlineExceeded, plain(err)
	})
	return version, err
}

// in returns a context for requests about the namespace.
func (c *Client) in(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, c.options.Namespace)
}

// plain returns an error of gRPC without its prefix, as an error of errdefs.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errgrpc.ToNative(err)
}
