// Package docs contains the JSON Schemas that the slipway command prints. Tests generate them from Go structs.
package docs

import _ "embed"

// ConfigSchema is the schema of slipway.yaml; the test of build/config generates it.
//
//go:embed slipway.schema.json
var ConfigSchema string

// OutputSchema is the schema of the documents that commands print and write; the test of build/cli generates it.
//
//go:embed json.schema.json
var OutputSchema string
