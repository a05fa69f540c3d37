// Package testfile writes the files that tests need. Only tests import it.
package testfile
