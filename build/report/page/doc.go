// Package page writes a report as one HTML file, which needs no network and, to be read, no JavaScript.
//
// The page consists of sections. A section has parts: figures, which are pictures in SVG, and tables. Each figure has a
// table with the same content for those who do not see it. Everything is drawn in Go; the script of the page only sorts
// and filters tables. The page contains the report as JSON, so that a later report can be compared with it.
//
// All text of a report is untrusted: html/template escapes it, and the content security policy of the page allows only
// the script that it was written with.
package page
