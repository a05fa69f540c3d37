// Package format has what is known of an air-gap archive as a file: how it is compressed
// (Codec), where everything lies in it (Index), the parts that it may be split into
// (File), the views by which readers find images, and the rules for names and for tar
// headers. The reader, the writer and the judge of archives share it, and nothing else;
// it imports none of them.
package format
