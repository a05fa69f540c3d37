package redact

import "testing"

func TestSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"NPM_TOKEN": true, "token": true, "API_KEY": true, "apiKey": true, "APIKEY": true, "main.apiToken": true, "DB_PASSWORD": true, "auth": true,
		"example.com/auth.Version": false, "VERSION": false, "PUBLIC_KEY": false, "KEYBOARD": false, "tokenizer": false, "AUTHOR": false, "": false,
		"HTTPToken": true, "GITHUB_TOKEN_2": true,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestAssignments(t *testing.T) {
	for text, want := range map[string]string{
		"-s -w -X main.version=v1 -X main.apiToken=abc":                "-s -w -X main.version=v1 -X main.apiToken=***",
		"id=token,env=NPM_TOKEN":                                       "id=token,env=NPM_TOKEN",
		`curl --data "a" PASSWORD='x y' rest`:                          `curl --data "a" PASSWORD=*** rest`,
		"type=s3,access_key_id=AKIA,secret_access_key=abc,region=eu-1": "type=s3,access_key_id=***,secret_access_key=***,region=eu-1",
		"-X=main.apiToken=abc":                                         "-X=main.apiToken=***",
		"-ldflags=-X=main.apiToken=abc":                                "-ldflags=-X=main.apiToken=***",
		`-ldflags="-X main.apiToken=abc" ./cmd`:                        `-ldflags="-X main.apiToken=***" ./cmd`,
		`-ldflags="-s -X 'main.apiToken=a b' -w" ./cmd`:                `-ldflags="-s -X 'main.apiToken=***' -w" ./cmd`,
		`-X=main.apiToken="a b" ./cmd`:                                 `-X=main.apiToken=*** ./cmd`,
		"-X 'main.apiToken=a b' -X 'main.version=v1 rc'":               "-X 'main.apiToken=***' -X 'main.version=v1 rc'",
		`"-X=main.apiToken=a 'b" -s`:                                   `"-X=main.apiToken=***" -s`,
		"--build-arg=NPM_TOKEN=abc --push":                             "--build-arg=NPM_TOKEN=*** --push",
		"build-arg:NPM_TOKEN=abc":                                      "build-arg:NPM_TOKEN=***",
		"'build-arg:NPM_TOKEN=a b' rest":                               "'build-arg:NPM_TOKEN=***' rest",
		`NPM_TOKEN="a \"b c" rest`:                                     `NPM_TOKEN=*** rest`,
		`NPM_TOKEN="a b`:                                               "NPM_TOKEN=***",
		"'NPM_TOKEN=a b":                                               "'NPM_TOKEN=***",
		`"NPM_TOKEN=a \"b c" rest`:                                     `"NPM_TOKEN=***" rest`,
		`NPM_TOKEN=a\ b rest`:                                          `NPM_TOKEN=*** rest`,
		`"NPM_TOKEN=a\`:                                                `"NPM_TOKEN=***\`,
		"NPM_TOKEN= rest":                                              "NPM_TOKEN= rest",
		"-X=main.version=v1 'a=b c'":                                   "-X=main.version=v1 'a=b c'",
		"nothing here":                                                 "nothing here",
	} {
		if got := assignments(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestEverySecretWordHasAStem(t *testing.T) {
	for _, w := range secretWords {
		if !SecretName(w) {
			t.Errorf("%s is not the name of a secret", w)
		}
	}
}
