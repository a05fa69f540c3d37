// Package golden compares the output of a test with a golden file, which contains the expected
// output. Only tests import it.
//
//	golden.Equal(t, got)                       testdata/<test>.golden
//	go test ./build -run Plan -update          rewrites the files
//
// The files are below the tested package and committed; .gitattributes preserves their line
// endings.
package golden
