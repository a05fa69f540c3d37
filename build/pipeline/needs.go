package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/cache"
)

// needs are the environment variables that jobs need, by what reads them. All lists are sorted.
type needs struct {
	// Variables are not secret, and all jobs have them: values of slipway.yaml refer to them.
	Variables []string
	// Package, Merge and Publish are the secrets of the jobs.
	Package, Merge, Publish []string
	// Identity is the variable with the identity token of the service, with which shards and the merge sign, or empty.
	// PublishIdentity is that of publish.
	Identity, PublishIdentity string
	// Own is the registry that DOCKER_USERNAME is for, or empty.
	Own string
	// Logins are registries that publish logs in to first.
	Logins []login
	// GitHub means that a destination is a release on GitHub.
	GitHub bool
	// Registries are the hosts of registries that publish writes to, sorted.
	Registries []string
	// Publishes means that there is something to publish.
	Publishes bool
}

// A login is a registry whose credentials slipway.yaml does not name, and which does not get DOCKER_USERNAME.
type login struct{ Host, Username, Password string }

// ofService are the beginnings of the names of variables that the services set.
var ofService = []string{"GITHUB_", "RUNNER_", "ACTIONS_", "GITLAB_", "CI_", "ARGO_"}

// newNeeds returns what the jobs of a release need.
func newNeeds(c *config.Config, o Options) needs {
	var n needs
	variables, shard, signing, publish := names{}, names{}, names{}, names{}
	for _, name := range c.Environment {
		if name != "CI" && !slices.ContainsFunc(ofService, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			variables.add(name)
		}
	}
	shard.add(o.Secrets...)
	shard.hooks(c.Hooks)
	for _, b := range c.Binaries {
		shard.hooks(b.Hooks)
	}
	for _, m := range c.Images {
		shard.hooks(m.Hooks)
		for _, secret := range m.Secrets {
			shard.add(secretVariable(secret))
		}
		if m.Builder == images.BuildkitBuilder && slices.ContainsFunc(m.Variants, func(v config.Variant) bool { return lacksBuilder(c, v) }) {
			variables.add("BUILDKIT_HOST")
		}
	}
	n.sign(c.Sign, signing, publish)
	if n.Identity != "" && (o.Service == "argo" || o.Service == "github" && c.Sign.Keyless.Token != "") {
		signing.add(n.Identity) // the service issues no token, or not in this variable
		publish.add(n.PublishIdentity)
	}
	n.publish(c, variables, publish)
	shareCache(c, variables, shard)
	shard.add(signing.sorted()...)
	n.Variables, n.Package, n.Merge, n.Publish = variables.sorted(), shard.sorted(), signing.sorted(), publish.sorted()
	return n
}

// names is a set of names of variables.
type names map[string]bool

func (n names) add(all ...string) {
	for _, name := range all {
		if name != "" {
			n[name] = true
		}
	}
}

func (n names) hooks(h config.Hooks) {
	for _, hook := range slices.Concat(h.Before, h.After) {
		n.add(hook.Secrets...)
	}
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n)) }

// lacksBuilder reports whether builders has no address for a platform of a variant.
func lacksBuilder(c *config.Config, v config.Variant) bool {
	for _, p := range v.Platforms {
		if len(c.Builders[images.FormatPlatform(p)]) == 0 {
			return true
		}
	}
	return false
}

// secretVariable returns the variable of a secret of an image, such as id=token,env=TOKEN, or "".
func secretVariable(secret string) string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(secret, ",") {
		key, value, _ := strings.Cut(field, "=")
		fields[strings.TrimSpace(key)] = value
	}
	if fields["type"] == "env" && fields["env"] == "" {
		return fields["src"]
	}
	return fields["env"]
}

// sign adds what signing needs. Without a public key, verify and publish read the private one.
func (n *needs) sign(s config.Sign, signing, publish names) {
	if s.Key == "" && len(s.Command) == 0 && s.Keyless == nil {
		return
	}
	signing.add(variable(s.Key), variable(s.PublicKey))
	publish.add(variable(s.PublicKey))
	switch {
	case s.Key != "" && s.Password == "":
		signing.add("COSIGN_PASSWORD")
	case s.Key != "":
		signing.add(s.Password)
	case s.Keyless != nil:
		n.Identity = cmp.Or(s.Keyless.Token, "SIGSTORE_ID_TOKEN")
		if s.Lists {
			n.PublishIdentity = n.Identity
		}
	}
	signing.add(s.Secrets...)
	if s.Lists || s.Key != "" && s.PublicKey == "" {
		publish.add(signing.sorted()...)
	}
}

// variable returns the variable of a place env://NAME, or "".
func variable(place string) string {
	name, found := strings.CutPrefix(place, "env://")
	if !found {
		return ""
	}
	return name
}

// shareCache adds what shards need to read and write shared caches. The registry of a cache is logged in to only if it
// is that of DOCKER_USERNAME; other variables are for --secret.
func shareCache(c *config.Config, variables, secrets names) {
	secrets.add(variable(c.Cache.Key), variable(c.Cache.PublicKey))
	if c.Cache.Key != "" {
		secrets.add(cmp.Or(c.Cache.Password, "COSIGN_PASSWORD"))
	}
	for _, text := range slices.Concat(c.Cache.From, c.Cache.To) {
		spec, err := cache.ParseSpec(text)
		if err != nil {
			continue // config.Load has refused it
		}
		switch a := spec.Attributes; spec.Type {
		case "registry":
			if repo, err := spec.Repository(); err == nil && repo.RegistryStr() == c.Registry {
				secrets.add("DOCKER_USERNAME", "DOCKER_PASSWORD")
			}
		case "s3":
			if a["access_key_id"] == "" {
				secrets.add("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
			}
			if a["region"] == "" {
				variables.add("AWS_REGION")
			}
			if a["endpoint"]+a["endpoint_url"] == "" {
				variables.add("AWS_ENDPOINT_URL_S3")
			}
		}
	}
}

// publish adds what destinations need.
func (n *needs) publish(c *config.Config, variables, secrets names) {
	destinations := c.Publish
	if len(c.Images) > 0 && !slices.ContainsFunc(destinations, func(d config.Destination) bool { return d.Registry != "" }) {
		destinations = append(slices.Clone(destinations), config.Destination{Registry: c.Registry})
	}
	n.Publishes = len(destinations) > 0
	ofImages, all, open := names{}, names{}, names{} // hosts of registries; open are those without credentials
	for _, d := range destinations {
		secrets.add(string(d.Credentials.Username), string(d.Credentials.Password), string(d.Credentials.Token))
		secrets.add(d.Exec.Secrets...)
		given := d.Credentials != (config.Credentials{})
		host, _, _ := strings.Cut(cmp.Or(d.Registry, d.OCI), "/")
		all.add(host)
		ofImages.add(d.Registry)
		if !given {
			open.add(host)
		}
		switch {
		case d.GitHub.Repository != "":
			n.GitHub = true
			secrets.add("GITHUB_TOKEN")
		case d.GitLab.Project != "":
			secrets.add("GITLAB_TOKEN")
		case d.S3.Bucket != "":
			bucket(d, given, variables, secrets)
		}
	}
	n.Registries = all.sorted()
	own := c.Registry
	switch hosts := ofImages.sorted(); len(hosts) {
	case 0:
	case 1:
		own = hosts[0]
	default:
		own = "" // the conditions of destinations decide which registry DOCKER_USERNAME is for
	}
	n.logins(own, open.sorted(), secrets)
}

func bucket(d config.Destination, given bool, variables, secrets names) {
	if !given {
		secrets.add("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
	}
	if d.S3.Region == "" {
		variables.add("AWS_REGION")
	}
	if d.S3.Endpoint == "" {
		variables.add("AWS_ENDPOINT_URL_S3")
	}
}

// logins decides with which variables publish logs in to registries. DOCKER_USERNAME and DOCKER_PASSWORD are for own.
func (n *needs) logins(own string, hosts []string, secrets names) {
	for _, host := range hosts {
		if host == own {
			n.Own = own
			secrets.add("DOCKER_USERNAME", "DOCKER_PASSWORD")
			continue
		}
		prefix := strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, strings.ToUpper(host))
		if prefix[0] >= '0' && prefix[0] <= '9' {
			prefix = "REGISTRY_" + prefix
		}
		n.Logins = append(n.Logins, login{Host: host, Username: prefix + "_USERNAME", Password: prefix + "_PASSWORD"})
	}
}
