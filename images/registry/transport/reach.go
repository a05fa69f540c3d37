package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// reaching explains a failure to connect that a setting can solve. For other errors, it returns "".
func (e *Endpoint) reaching(err error) string {
	host := images.RegistryName(e.repo.Registry)
	if e.host.Mirror {
		host = e.host.Address
	}
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		names     x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch text := err.Error(); {
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return fmt.Sprintf("it speaks plain HTTP, but was contacted over HTTPS: allow plain HTTP with --plain-http %[1]s, SLIPWAY_PLAIN_HTTP=%[1]s  "+
			"or registries: {%[1]q: {plain-http: true}} in slipway.yaml allows that; %[2]s", host, page)
	case errors.As(err, &authority):
		signer := ""
		if c := authority.Cert; c != nil && c.Issuer.String() != "" {
			signer = fmt.Sprintf(" (%s)", oneLine(c.Issuer.String()))
		}
		return fmt.Sprintf("its certificate is signed by a CA that is not trusted here%[1]s: put the CA's certificate into "+
			"/etc/docker/certs.d/%[2]s/ca.crt, or name its file in registries: {%[2]q: {ca: FILE}} in slipway.yaml or in SSL_CERT_FILE; %[3]s", signer, host, page)
	case errors.As(err, &names), errors.As(err, &invalid):
		return fmt.Sprintf("its certificate is not valid: %s; to accept any certificate, set registries: {%q: {skip-verify: true}} in slipway.yaml; %s", oneLine(innermost(err).Error()), host, page)
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "tls: bad certificate"):
		return fmt.Sprintf("it requires a client certificate: put it into /etc/docker/certs.d/%[1]s/client.cert and client.key, "+
			"or name the files in registries: {%[1]q: {cert: FILE, key: FILE}} in slipway.yaml; %[2]s", host, page)
	case e.host.scheme == "" && strings.Contains(text, "malformed HTTP response"):
		return fmt.Sprintf("it speaks TLS, but a setting selects plain HTTP (--plain-http, SLIPWAY_PLAIN_HTTP, registries: in slipway.yaml, or hosts.toml); %s", page)
	}
	return ""
}

// page documents the settings of registries.
const page = "see docs/registries.md"

// innermost returns the last error that err wraps.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
