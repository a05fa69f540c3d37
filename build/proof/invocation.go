package proof

import (
	"strings"
	"time"
)

// An Invocation is one run of a CI service. It is empty elsewhere, since two builds then have nothing that differs.
type Invocation struct {
	ID      string    // a URL, or empty
	Started time.Time // zero if the service does not say it
}

// InvocationOf returns the invocation that the environment of a CI service describes.
func InvocationOf(getenv func(string) (string, bool)) Invocation {
	env := func(name string) string { v, _ := getenv(name); return v }
	switch {
	case env("GITHUB_ACTIONS") == "true" && env("GITHUB_RUN_ID") != "":
		// The form that GitHub's own provenance has.
		return Invocation{ID: strings.Join([]string{env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), "actions/runs", env("GITHUB_RUN_ID"),
			"attempts", env("GITHUB_RUN_ATTEMPT")}, "/")}
	case env("GITLAB_CI") == "true":
		started, err := time.Parse(time.RFC3339, env("CI_JOB_STARTED_AT"))
		if err != nil {
			started = time.Time{}
		}
		return Invocation{ID: env("CI_JOB_URL"), Started: started}
	}
	for _, name := range []string{"BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "DRONE_BUILD_LINK"} {
		if id := env(name); id != "" {
			return Invocation{ID: id}
		}
	}
	if env("JENKINS_URL") != "" {
		return Invocation{ID: env("BUILD_URL")}
	}
	return Invocation{}
}
