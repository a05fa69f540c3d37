// Package keylesstest has stand-ins for a Fulcio, a log of certificates, a timestamp authority and a Rekor, in this process
// and on the loopback interface, for tests of keyless signatures. cosign accepts what they certify.
package keylesstest
