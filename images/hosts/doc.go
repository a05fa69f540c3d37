// Package hosts determines how registries are reached: over plain HTTP or TLS, with which CAs and
// client certificates, and through which mirrors.
//
// A host is a server of a registry: the registry itself or a mirror. A setting is a value from
// slipway.yaml, a flag or the environment. A folder is one of the per-registry folders that
// container tools use, with these files:
//
//   - hosts.toml, as containerd reads it
//     (https://github.com/containerd/containerd/blob/main/docs/hosts.md): server, and
//     mirrors with capabilities, ca, client, skip_verify, header, override_path and
//     dial_timeout;
//   - FILE.crt, a CA, and FILE.cert with FILE.key, a client certificate, as Docker
//     (https://docs.docker.com/engine/security/certificates/) and podman read them.
//
// A registry's folder is called HOST, HOST:PORT or HOST_PORT_; on Windows without colons. The
// hosts.toml in a folder _default applies to all registries without a folder. Settings take
// precedence over folders. Without either, package registry/transport decides by the address whether
// plain HTTP is allowed.
package hosts
