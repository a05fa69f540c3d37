// Package features says with which build tags the program was compiled.
package features

// Enabled has the build tags that files of this package have asked for.
var Enabled []string
