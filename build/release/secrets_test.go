package release

import (
	"strings"
	"testing"
)

func TestWhatSignsIsSecret(t *testing.T) {
	for name, c := range map[string]struct{ sign, variable string }{
		"secret of a command":     {"{command: [./sign.sh], public-key: cosign.pub, secrets: [KMS_PIN]}", "KMS_PIN"},
		"password":                {"{key: cosign.key, password: KMS_PIN}", "KMS_PIN"},
		"key":                     {"{key: \"env://KMS_PIN\"}", "KMS_PIN"},
		"password without a name": {"{key: cosign.key}", "COSIGN_PASSWORD"},
		"condition does not hold": {"{key: cosign.key, password: KMS_PIN, when: '${OTHER} == \"yes\"'}", "KMS_PIN"},
	} {
		t.Run(name, func(t *testing.T) {
			r := makeRelease(t)
			r.configure("publish:", "vars: {"+c.variable+": \"-\", OTHER: \"-\"}\nsign: "+c.sign+"\npublish:")
			r.configure("contexts: {bin:", "args: {NOTE: \"${"+c.variable+"}\", MORE: \"${OTHER}\"}\n    contexts: {bin:")
			r.env[c.variable], r.env["OTHER"] = "8441-first", "with 8441-first in it"
			b := r.open()
			first, err := b.inputs()
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range first.Variables {
				if strings.Contains(value, "8441") {
					t.Errorf("the variable %s is %q", name, value)
				}
			}
			if got := b.secrets().Text("a 8441-first b"); got != "a *** b" {
				t.Errorf("the text is %q", got)
			}
			report := Report{Project: b.Plan.Project, Release: b.Plan.Release, Inputs: &first}
			if err := r.open().checkInputs(report); err != nil {
				t.Errorf("the same inputs: %v", err)
			}
			r.env[c.variable] = "8441-second"
			if err := r.open().checkInputs(report); err == nil || strings.Contains(err.Error(), "8441-second") {
				t.Errorf("another secret: %v", err)
			}
		})
	}
}
