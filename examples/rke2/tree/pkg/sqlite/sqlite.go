// Package sqlite stands in for the C code of RKE2's datastore: it compiles only with the CGO_CFLAGS of a release.
package sqlite

/*
#if !defined(SQLITE_ENABLE_DBSTAT_VTAB) || !defined(SQLITE_USE_ALLOCA)
#error "CGO_CFLAGS of the release are missing"
#endif
static int version(void) { return 3; }
*/
import "C"

// Version returns a number that C code has computed.
func Version() int { return int(C.version()) }
