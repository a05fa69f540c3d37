// Package endpoint has the parts of connections that BuildKit and Docker Engine share: addresses, the files for TLS,
// and the text of errors.
package endpoint
