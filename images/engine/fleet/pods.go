package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/internal/process"
)

// A podList is what kubectl prints about pods.
type podList struct {
	Items []struct {
		Metadata struct{ Name, DeletionTimestamp string }
		Status   struct {
			Conditions []struct{ Type, Status string }
		}
	}
}

// kubectlTimeout limits the time of a question to a cluster.
const kubectlTimeout = 30 * time.Second

// Resolve returns an address, or those of the pods that it selects, sorted. It asks kubectl each time, since pods of a
// fleet come and go.
func Resolve(ctx context.Context, address string) ([]string, error) {
	selector := endpoint.Selector(address)
	if selector == "" {
		return []string{address}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err // CheckBuildkit has reported it
	}
	query := u.Query()
	args := []string{"get", "pods", "--selector=" + selector, "--output=json"}
	for _, flag := range []string{"context", "namespace"} {
		if value := query.Get(flag); value != "" {
			args = append(args, "--"+flag+"="+value)
		}
	}
	asked, cancel := context.WithTimeoutCause(ctx, kubectlTimeout, fmt.Errorf("no answer within %v", kubectlTimeout))
	defer cancel()
	cmd := process.Command(asked, "kubectl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := process.Run(asked, cmd); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, fmt.Errorf("looking for the pods of %s: %w", address, err)
	}
	var pods podList
	if err := json.Unmarshal(stdout.Bytes(), &pods); err != nil {
		return nil, fmt.Errorf("looking for the pods of %s: reading the output of kubectl: %w", address, err)
	}
	query.Del("selector")
	var found []string
	for _, pod := range pods.Items {
		ready := false
		for _, c := range pod.Status.Conditions {
			ready = ready || c.Type == "Ready" && c.Status == "True"
		}
		if ready && pod.Metadata.DeletionTimestamp == "" {
			one := url.URL{Scheme: u.Scheme, Host: pod.Metadata.Name, RawQuery: query.Encode()}
			found = append(found, one.String())
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s selects no pod that is ready, of %d", address, len(pods.Items))
	}
	slices.Sort(found)
	return found, nil
}
