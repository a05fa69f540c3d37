// Package airgaptest has images, archives and contexts for the tests of images/airgap
// and of the packages below it. Only tests import it.
package airgaptest
