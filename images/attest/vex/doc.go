// Package vex reads OpenVEX documents (https://github.com/openvex/spec), which say what vulnerabilities mean for a
// product: whether it is affected, and why not.
//
// A document has statements, one for a vulnerability and some products. Documents are written by people and carried
// unchanged; this package only finds what is wrong with one, by line.
package vex
