// Package endpoint has what BuildKit and Docker Engine share in how they are reached: the addresses at which they
// listen, the files for TLS, and the text of errors of their connections.
package endpoint
