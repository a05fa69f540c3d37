// Package survey reads a checkout: its files, git, Go code, Dockerfiles, Makefiles, scripts and workflows. It runs
// nothing but git, decides nothing, and reads at most 1 MiB of a file.
//
// # Nouns
//
//   - A tree is the list of the files of a checkout, without files of other projects and generated ones.
//   - A recipe is a file with commands: a Makefile, a shell script, a workflow or a Dockerfile. recipe.go reads its lines
//     and assignments, expand.go its variables.
//   - A build is a command of a recipe that compiles a program or builds an image.
//   - A meaning is the variable of slipway.yaml that corresponds to a variable of a recipe, of Go code or of a Dockerfile.
//   - An origin is the information from git: the remote and the nearest tag.
package survey
