// Package servetest serves archives to the tests of packages beside images/airgap/serve, whose own tests cannot import
// it. Only tests import it.
package servetest
