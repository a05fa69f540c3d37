package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
)

// Credentials are the names of the environment variables with the credentials of a destination.
type Credentials struct {
	// Position is their location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Username EnvName `yaml:"username" json:"username" required:"true" doc:"the variable with the user, with s3 the access key ID"`
	Password EnvName `yaml:"password" json:"password" required:"true" doc:"the variable with the password or token, with s3 the secret access key"`
	Token    EnvName `yaml:"token" json:"token,omitempty" doc:"with s3: the variable with the session token, if the keys are temporary"`
}

// An EnvName is the name of an environment variable. In slipway.yaml, it is written as ${NAME}. Its value is never part
// of the configuration.
type EnvName string

var envNameType = reflect.TypeFor[EnvName]()

// envNamePattern matches an EnvName in slipway.yaml.
const envNamePattern = `^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`

// envName decodes the name of an environment variable. Messages do not repeat the text, which may be a secret.
func (d *decoder) envName(n *yaml.Node, out reflect.Value, f field) {
	name, opened := strings.CutPrefix(n.Value, "${")
	name, closed := strings.CutSuffix(name, "}")
	switch _, declared := d.vars.declared[name]; {
	case n.Kind != yaml.ScalarNode || !opened || !closed || !expression.IsName(name):
		d.wrong(n, "%s: want only the name of an environment variable, such as ${REGISTRY_PASSWORD}: credentials are not written into files", f.path)
	case declared:
		d.wrong(n, "%s: ${%s} is declared in vars, but credentials come only from the environment: use another name", f.path, name)
	default:
		out.SetString(name)
	}
}

// credentials checks the credentials of a destination. Destinations in the same registry and repository must have the
// same credentials.
func (v *validator) credentials(path string, d Destination, before map[string]Credentials) {
	if d.Credentials == (Credentials{}) {
		return
	}
	at, scope := path+".credentials", d.Scope()
	if !v.given(path+".registry") && !v.given(path+".oci") && !v.given(path+".s3") {
		v.wrong(at, "only destinations with registry, oci and s3 have credentials")
		return
	}
	if d.Credentials.Token != "" && !v.given(path+".s3") {
		v.wrong(at+".token", "only destinations with s3 have a session token")
	}
	if scope == "" || v.reportedBelow(path) || !d.When.Holds(nil) {
		return
	}
	other, ok := before[scope]
	if ok && (other.Username != d.Credentials.Username || other.Password != d.Credentials.Password) {
		v.wrong(at, "%s has other credentials in line %d: one repository has one pair", scope, other.Position.Line)
	}
	before[scope] = d.Credentials
}

// Scope returns the registry and the path for which the credentials of d are valid, such as registry.example.com/team.
// It returns "" if the destination is not in a registry.
func (d Destination) Scope() string {
	switch {
	case d.Registry != "":
		return d.Registry + "/" + d.Repository
	case d.OCI != "":
		name := d.OCI[strings.LastIndex(d.OCI, "/")+1:]
		name, _, _ = strings.Cut(name, ":")
		return d.OCI[:strings.LastIndex(d.OCI, "/")+1] + name
	}
	return ""
}
