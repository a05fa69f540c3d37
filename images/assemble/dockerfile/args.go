package dockerfile

import (
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
)

// platformArgs returns the arguments that are predefined before the first FROM. A build
// argument of the same name overrides one.
func platformArgs(build, target v1.Platform, stage string, args map[string]string) *Env {
	if stage == "" {
		stage = "default"
	}
	e := NewEnv()
	for _, kv := range [][2]string{
		{"BUILDPLATFORM", images.ContainerdPlatform(v1.Platform{OS: build.OS, Architecture: build.Architecture, Variant: build.Variant})},
		{"BUILDOS", build.OS},
		{"BUILDOSVERSION", build.OSVersion},
		{"BUILDARCH", build.Architecture},
		{"BUILDVARIANT", build.Variant},
		{"TARGETPLATFORM", images.ContainerdPlatform(target)},
		{"TARGETOS", target.OS},
		{"TARGETOSVERSION", target.OSVersion},
		{"TARGETARCH", target.Architecture},
		{"TARGETVARIANT", target.Variant},
		{"TARGETSTAGE", stage},
	} {
		if v, ok := args[kv[0]]; ok {
			kv[1] = v
		}
		e.Set(kv[0], kv[1])
	}
	return e
}

// globalArgs returns known with the ARGs before the first FROM, each set to its build
// argument or else to its default.
func (d *File) globalArgs(known *Env, lex *shell.Lex, given map[string]string) (*Env, error) {
	all := known.Clone()
	for _, command := range d.argCommands {
		for _, arg := range command.Args {
			if value, ok := given[arg.Key]; ok {
				all.Set(arg.Key, value)
			} else if arg.Value != nil {
				result, err := d.Expand(lex, *arg.Value, all)
				if err != nil {
					return nil, d.At(command.Location(), err)
				}
				all.Set(arg.Key, result.Result)
			}
		}
	}
	return all, nil
}

// parsePlatform parses the value of FROM --platform, which may be just an operating
// system or just an architecture.
func parsePlatform(s string, build v1.Platform) (v1.Platform, error) {
	spellings := []string{s}
	if !strings.ContainsAny(s, "/(") {
		spellings = []string{s + "/" + build.Architecture, build.OS + "/" + s, s}
	}
	var err error
	for _, spelling := range spellings {
		var p v1.Platform
		if p, err = images.ParsePlatform(spelling); err == nil {
			return images.Normalize(p), nil
		}
	}
	return v1.Platform{}, err
}

// ArgValue returns the value of an ARG of a stage: the build argument from given, else
// the default, else the value in global. It returns nil if the ARG is only declared.
func ArgValue(arg instructions.KeyValuePairOptional, global *Env, given map[string]string, expand func(string) (string, error)) (*string, error) {
	if value, ok := given[arg.Key]; ok {
		return &value, nil
	}
	if arg.Value != nil {
		value, err := expand(*arg.Value)
		return &value, err
	}
	if value, ok := global.Get(arg.Key); ok {
		return &value, nil
	}
	return nil, nil
}

// Epoch returns the value of SOURCE_DATE_EPOCH from the build argument, else from an
// ARG before the first FROM.
func (g *Graph) Epoch() string {
	value, ok := g.Options.Args[buildfile.EpochArg]
	if !ok {
		value, _ = g.Global.Get(buildfile.EpochArg)
	}
	return value
}

// SetEpoch replaces the value of SOURCE_DATE_EPOCH, where it is set, by t in seconds. A
// nil t unsets it, as in BuildKit.
func (g *Graph) SetEpoch(t *time.Time) {
	const key = buildfile.EpochArg
	if t == nil {
		delete(g.Options.Args, key)
		g.Global.Unset(key)
		return
	}
	seconds := strconv.FormatInt(t.Unix(), 10)
	if _, ok := g.Options.Args[key]; ok {
		g.Options.Args[key] = seconds
	}
	if _, ok := g.Global.Get(key); ok {
		g.Global.Set(key, seconds)
	}
}
