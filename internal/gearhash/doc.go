// Package gearhash has the rolling hash by which content is cut and sampled at places that
// depend on the content alone (Gear, in Xia et al., "FastCDC", USENIX ATC 2016).
//
// After each byte the hash is Roll of the hash before and of the byte. It depends on the
// last 64 bytes, and its upper bits on more of them than its lower ones.
package gearhash
