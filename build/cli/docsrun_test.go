package cli

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// notRun maps commands of pages, or whole pages, that TestCommandsOfThePagesRun does not run, to the reasons. An entry
// that no command needs fails the test.
var notRun = map[string]string{
	"README.md":       "scripts/check-readme.sh runs its commands",
	"CONTRIBUTING.md": "a developer runs its commands, and CI those of make",
	"slipway init":    "TestAStranger runs the first release",
	"slipway image build --builder buildkit --secret id=token,env=TOKEN --ssh default -o oci:out .": "it needs a buildkitd and an ssh agent",
	"slipway build --only images": "it needs two buildkitd",
	"slipway verify --rebuild --locked --against https://github.com/acme/app/releases/download/v1.0.0": "it needs a published release",
	"slipway publish release":                                                                            "it needs a draft on GitHub; build/release tests it with githubtest",
	"slipway publish release --prerelease":                                                               "it needs a draft on GitHub",
	"slipway publish release --prerelease=false --latest":                                                "it needs a release on GitHub",
	"slipway airgap push images.tar.zst registry.example.com/mirror":                                     "its registry does not exist",
	"slipway airgap push /media/usb a.example.com --also b.example.com/mirror":                           "its registries do not exist",
	"slipway airgap push --compression zstd images.tar.zst registry.example.com":                         "its registry does not exist",
	"slipway report --with v1.34.0":                                                                      "it needs a published release; TestATagOfAPublishedRelease runs it",
	"slipway airgap diff -f v1.34.1/images.txt v1.34.2/images.tar.zst -o images.delta":                   "TestDeltaForLayers runs it with images of its own",
	"slipway airgap apply registry:registry.example.com:5000 images.delta -o images.tar.zst":             "TestDeltaForLayers runs it with a registry of its own",
	"slipway airgap load images.delta --old containerd:":                                                 "TestDeltaForLayersOfOtherPrograms applies such a delta to a node",
	"slipway image copy -f rke2-images.txt registry.example.com/mirror":                                  "it needs Docker Hub",
	"slipway image copy --no-clobber -f rke2-images.txt staging.example.com docker.io prime.example.com": "it needs Docker Hub and a registry of SUSE",
	"docs/airgap-load.md": "it needs a node; the packages below images/airgap/load test it with engines",
	"slipway airgap extract docker.io/slipway/slipway-runtime:TAG --from slipway-images.linux-amd64.tar.zst --path /bin=/opt/slipway/bin": "it needs a release of Slipway, and root",
}

// otherPrograms maps other programs in blocks of shells to the reasons why they are not run. Targets of make must be in
// the Makefile.
var otherPrograms = map[string]string{
	"git":       "clones this repository, or commits slipway.yaml",
	"cat":       "joins files that are on the reader's disk",
	"sha256sum": "checks files that are on the reader's disk",
	"go":        "fetches Slipway from the network",
	"curl":      "fetches a release from the network",
	"sh":        "runs install.sh, which install_test.go runs",
	"docker":    "reads a registry; TestAttestationsInIndexes of build/release reads the same documents",
	"cosign":    "reads a registry; TestStatementsArePublishedSigned of build/release and the tests of signing run it",
	"install":   "needs root",
	"apt-get":   "needs root",
	"dnf":       "needs root",
	"buildkitd": "needs root",
	"make":      "runs mage; mage_test.go runs the targets",
	"mage":      "mage_test.go runs the targets",
}

// kept are the folders in which jobs of the pages keep their dist.
var kept = map[string]string{
	"slipway package --only linux":                         "dist-linux",
	"slipway package --only windows":                       "dist-windows",
	"slipway package --shard 1/2":                          "dist-1",
	"slipway package --shard 2/2":                          "dist-2",
	"slipway package --platform linux/amd64,windows/amd64": "dist-amd64",
	"slipway package --platform linux/arm64":               "dist-arm64",
}

// acme is a project with the binaries, images and lists of the pages.
var acme = map[string]string{
	".gitignore": "dist*\n",
	"go.mod":     "module example.com/acme\n\ngo 1.26\n",
	"main.go":    "package main\n\nfunc main() {}\n",
	"Dockerfile": "FROM scratch\nCOPY --from=bin acme* /\n",
	"slipway.yaml": `project: acme
registry: registry.example.com
repository: team
platforms: [linux/amd64, linux/arm64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294}
binaries:
  - {name: acme, package: .}
images:
  - name: acme-runtime
    contexts: {bin: "dist/bin/${PLATFORM}"}
    variants:
      - {platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile: Dockerfile}
airgap:
  lists:
    core: {images: [acme-runtime]}
`,
}

// projects are the repositories in which the commands of pages run. Other pages use acme.
var projects = map[string]map[string]string{
	"docs/coming-from-bake.md": {
		"docker-bake.hcl": "target \"default\" {\n  tags = [\"registry.example.com/team/app:v1\"]\n  platforms = [\"linux/amd64\"]\n}\n",
		"Dockerfile":      "FROM scratch\nCOPY file /\n",
		"file":            "content\n",
	},
	"docs/coming-from-goreleaser.md": {
		"go.mod":           "module github.com/acme/app\n\ngo 1.26\n",
		"main.go":          "package main\n\nfunc main() {}\n",
		".goreleaser.yaml": "version: 2\nbuilds:\n  - goos: [linux, windows]\n    goarch: [amd64]\n",
	},
	"docs/coming-from-ko.md": {
		"go.mod":   "module github.com/acme/app\n\ngo 1.26\n",
		"main.go":  "package main\n\nfunc main() {}\n",
		".ko.yaml": "defaultBaseImage: 127.0.0.1:5000/base:v1\ndefaultPlatforms: [linux/amd64]\n",
	},
	"docs/pipelines.md": {
		"go.mod":       "module example.com/acme\n\ngo 1.26\n\ntool github.com/slipway-build/slipway/cmd/slipway\n",
		"slipway.yaml": acme["slipway.yaml"],
		"Dockerfile":   acme["Dockerfile"],
	},
	"docs/cache.md": {
		"Dockerfile":   "FROM scratch\nCOPY images.txt /\n",
		"images.txt":   "127.0.0.1:5000/base:v1\n",
		"slipway.yaml": "project: acme\nplatforms: [linux/amd64]\ncache: {from: [\"type=local,src=cache\"], to: [\"type=local,dest=cache\"]}\n",
	},
	"docs/signing.md": {
		".gitignore":   "dist\ncosign.key\n",
		"Dockerfile":   "FROM scratch\nCOPY notes.txt /\n",
		"notes.txt":    "content\n",
		"slipway.yaml": "project: acme\nregistry: 127.0.0.1:5000\nrepository: team\nplatforms: [linux/amd64]\nimages:\n  - name: acme-runtime\n    variants:\n      - {platforms: [linux/amd64]}\nairgap:\n  lists:\n    core: {images: [acme-runtime]}\nsign: {key: cosign.key, public-key: cosign.pub}\n",
	},
	"docs/monorepos.md": {
		".gitignore":         "dist\n",
		"cmd/x/Dockerfile":   "FROM scratch\nCOPY Dockerfile /\n",
		"cmd/x/slipway.yaml": "project: x\nregistry: registry.example.com\nrepository: team\nversion: {tag-prefix: cmd/x/}\nplatforms: [linux/amd64]\nimages:\n  - name: x\n    variants:\n      - {platforms: [linux/amd64], dockerfile: Dockerfile}\n",
	},
}

// TestCommandsOfThePagesRun runs the commands of the pages' shell blocks unchanged, page by page, in a small repository
// with a registry. 127.0.0.1:5000 is replaced by the address of the registry.
func TestCommandsOfThePagesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles programs for several platforms")
	}
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	byPage := map[string][]docCommand{}
	var pages []string
	unused := map[string]bool{}
	for _, of := range []map[string]string{notRun, otherPrograms} {
		for key := range of {
			unused[key] = true
		}
	}
	for _, c := range docCommands(t) {
		if c.block != 0 && c.lang == "" && c.words[0] == "slipway" {
			t.Errorf("%s: %s: a block of commands begins with ```sh", c.at(), c)
		}
		if c.block == 0 || c.lang != "sh" {
			continue // workflows are run by their services
		}
		reason := ""
		for _, key := range []string{c.page, c.String(), c.words[0]} {
			reason = cmp.Or(reason, notRun[key], otherPrograms[key])
			delete(unused, key)
		}
		switch {
		case c.words[0] == "make" && len(c.words) > 1 && !strings.Contains(string(makefile), "\n"+c.words[1]+":"):
			t.Errorf("%s: %s: the target does not exist", c.at(), c)
		case reason != "":
		case c.words[0] != "slipway":
			t.Errorf("%s: %s: it is not run; add the reason to otherPrograms", c.at(), c)
		default:
			if byPage[c.page] == nil {
				pages = append(pages, c.page)
			}
			byPage[c.page] = append(byPage[c.page], c)
		}
	}
	for key := range unused {
		t.Errorf("no page has %q, which has a reason not to be run", key)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) { runPage(t, byPage[page]) })
	}
}

// withKeys returns the project acme with what docs/verifying.md names: keys, and a policy for an archive of one image.
func withKeys(t *testing.T) map[string]string {
	t.Helper()
	files := maps.Clone(acme)
	files["release.key"], files["release.pub"] = keyPair(1)
	_, files["upstream.pub"] = keyPair(2)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "verifying.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, policy, _ := strings.Cut(string(page), "```yaml\n")
	policy, _, _ = strings.Cut(policy, "```")
	files["policy.yaml"] = strings.NewReplacer("release: acme", "", "minimum-version: v1.2.0", "", "docker.io/acme/*", "*/base").Replace(policy)
	return files
}

func runPage(t *testing.T, commands []docCommand) {
	hub := imagetest.Registry(t)
	// Of the process, for the program that verify --rebuild runs.
	t.Setenv("SLIPWAY_TEST_MAIN", "1")
	t.Setenv("REGISTRY", hub)
	t.Setenv("REPO", "team")
	imagetest.Push(t, hub+"/base:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	local := strings.NewReplacer("127.0.0.1:5000", hub)
	dir := t.TempDir()
	files := projects[commands[0].page]
	switch {
	case commands[0].page == "docs/verifying.md":
		files = withKeys(t)
	case files == nil:
		files = acme
	}
	repo := testfile.NewRepo(t, dir)
	for name, content := range files {
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(name)), local.Replace(content))
	}
	repo.Commit("all", "2026-01-01T00:00:00Z")
	repo.Run("tag", "v1.0.0")
	repo.Run("tag", "cmd/x/v2.0.0")
	t.Chdir(dir)
	cache := t.TempDir()
	for _, c := range commands {
		env := map[string]string{"SLIPWAY_CACHE": cache, "PROGRESS": "none", "REGISTRY": hub, "REPO": "team", "COSIGN_PASSWORD": "password"}
		for name, value := range c.env {
			env[name] = local.Replace(value)
		}
		words := slices.Clone(c.words[1:])
		for i, w := range words {
			words[i] = local.Replace(w)
		}
		if status, stdout, stderr := run(t, env, words...); status != 0 {
			t.Fatalf("%s: %s: exit status %d\n%s%s", c.at(), c, status, stdout, stderr)
		}
		if folder := kept[c.String()]; folder != "" {
			if err := os.Rename("dist", folder); err != nil {
				t.Fatal(err)
			}
		}
	}
}
