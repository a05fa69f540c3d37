// Package redact removes secrets from messages, logs and files.
//
// Text finds secrets by their form: passwords in URLs, Authorization headers, and the signatures
// and tokens in the queries of presigned URLs. Secrets also finds known values, in every form in
// which a registry may echo them.
package redact
