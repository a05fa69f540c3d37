package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/docs"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "schema [config|output]",
		Short:   "Print the JSON Schema of slipway.yaml, or of what commands print with --json",
		GroupID: "tools",
		Long: `Schema prints the JSON Schema of this version for slipway.yaml (config, the default), or
for the documents that commands print with --json, dist/artifacts.json, the records
of runs and the events of --progress json (output).`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"config", "output"},
		Example:   examples("slipway schema > slipway.schema.json", "slipway schema output"),
		RunE: func(_ *cobra.Command, args []string) error {
			schema := docs.ConfigSchema
			if len(args) == 1 {
				switch args[0] {
				case "config":
				case "output":
					schema = docs.OutputSchema
				default:
					return usage.Errorf("unknown schema %q: want config or output", args[0])
				}
			}
			_, err := fmt.Fprint(p.Stdout, schemaOfVersion(schema, p.Version))
			return err
		},
	}
	return c
}

// released matches versions that have a git tag in Slipway's repository, unlike v1.2.3-dev and v1.2.3+dev.4.1a2b3c4d.
var released = regexp.MustCompile(`^v\d+\.\d+\.\d+(-(alpha|beta|rc)[.\d]*)?$`)

// schemaOfVersion replaces the branch main by the tag of a released version, in the $id of a schema or in its URL.
func schemaOfVersion(text, version string) string {
	if !released.MatchString(version) {
		return text
	}
	return strings.Replace(text, "/slipway/main/docs/", "/slipway/"+version+"/docs/", 1)
}
