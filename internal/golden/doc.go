// Package golden compares the output of a test with a file that holds the right one.
// Only tests import it.
//
//	golden.Equal(t, got)                       testdata/<test>.golden
//	go test ./build -run Plan -update          writes the files anew
//
// The files lie below the tested package and are committed; .gitattributes keeps
// their line endings.
package golden
