// Package gearhash has the rolling hash that decides where content is cut and sampled. The places
// depend on the content alone (Gear, in Xia et al., "FastCDC", USENIX ATC 2016).
//
// After each byte, the hash is Roll of the previous hash and the byte. It depends on the last 64
// bytes; its upper bits depend on more of them than its lower ones.
package gearhash
