package session

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slipway-build/slipway/internal/dockerhub"
	"github.com/slipway-build/slipway/internal/regular"
)

// Attachables returns the services that an engine may call during a build. It is an error if a key for ssh cannot be
// read. A nil keychain has no credentials.
func Attachables(given []Secret, ssh []Agent, keychain authn.Keychain) ([]session.Attachable, error) {
	var all []session.Attachable
	if len(given) > 0 {
		all = append(all, secretServer{secrets: given})
	}
	if len(ssh) > 0 {
		var agents []sshprovider.AgentConfig
		for _, a := range ssh {
			for _, path := range a.Paths {
				// The socket of an agent is dialed; a key file is read.
				if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
					if err := regular.Check(path); err != nil {
						return nil, fmt.Errorf("forwarding ssh: %w", err)
					}
				}
			}
			agents = append(agents, sshprovider.AgentConfig{ID: a.ID, Paths: a.Paths})
		}
		provider, err := sshprovider.NewSSHAgentProvider(agents)
		if err != nil {
			return nil, fmt.Errorf("forwarding ssh: %w", err)
		}
		all = append(all, provider)
	}
	if keychain != nil {
		all = append(all, credentials{keychain: keychain})
	}
	return all, nil
}

// maxSecret is BuildKit's limit (secretsprovider.MaxSecretSize), in bytes.
const maxSecret = 500 << 10

// secretServer answers requests of RUN --mount=type=secret.
type secretServer struct {
	secrets.UnimplementedSecretsServer
	secrets []Secret
}

func (s secretServer) Register(server *grpc.Server) { secrets.RegisterSecretsServer(server, s) }

func (s secretServer) GetSecret(_ context.Context, request *secrets.GetSecretRequest) (*secrets.GetSecretResponse, error) {
	for _, secret := range s.secrets {
		if secret.ID != request.ID {
			continue
		}
		value := secret.Value
		if secret.File != "" {
			var err error
			if value, err = regular.ReadFile(secret.File); err != nil {
				return nil, status.Errorf(codes.FailedPrecondition, "reading secret %s: %v", secret.ID, err)
			}
		}
		if len(value) > maxSecret {
			return nil, status.Errorf(codes.ResourceExhausted, "secret %s has %d bytes; BuildKit accepts at most %d", secret.ID, len(value), maxSecret)
		}
		return &secrets.GetSecretResponse{Data: value}, nil
	}
	return nil, status.Errorf(codes.NotFound, "missing secret %q", request.ID)
}

// credentials answers requests for the credentials of a registry.
type credentials struct {
	auth.UnimplementedAuthServer
	keychain authn.Keychain
}

func (c credentials) Register(server *grpc.Server) { auth.RegisterAuthServer(server, c) }

func (c credentials) Credentials(_ context.Context, request *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	host := request.Host
	if dockerhub.Is(host) {
		// Engines request the host of the API; credentials are stored under another name.
		host = name.DefaultRegistry
	}
	registry, err := name.NewRegistry(host)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	authenticator, err := c.keychain.Resolve(registry)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	config, err := authenticator.Authorization()
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if config.IdentityToken != "" {
		return &auth.CredentialsResponse{Secret: config.IdentityToken}, nil
	}
	return &auth.CredentialsResponse{Username: config.Username, Secret: config.Password}, nil
}
