// Package hosts knows how registries are reached: in plain HTTP or TLS, with which CAs
// and client certificates, and by which mirrors.
//
// It takes that from two places. Settings come from slipway.yaml, flags and the
// environment. Folders are those that container tools have already, with one folder
// per registry:
//
//   - hosts.toml, as containerd reads it
//     (https://github.com/containerd/containerd/blob/main/docs/hosts.md): server, and
//     mirrors with capabilities, ca, client, skip_verify, header, override_path and
//     dial_timeout;
//   - FILE.crt, a CA, and FILE.cert with FILE.key, a client certificate, as Docker
//     (https://docs.docker.com/engine/security/certificates/) and podman read them.
//
// A registry's folder is called HOST, HOST:PORT or HOST_PORT_; on Windows without
// colons. hosts.toml may also lie in _default, which is for all registries without a
// folder.
package hosts
