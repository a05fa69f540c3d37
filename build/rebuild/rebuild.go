package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/compare"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/progress"
)

// A remade is the result of a rebuild. It must be closed.
type remade struct {
	*dist
	// clues are the values of its surroundings that differ from those of this process.
	clues []compare.Clue
	dir   string
}

// Close removes the files of the rebuild.
func (r *remade) Close() error { return fileop.RemoveAll(r.dir) }

// remake builds and packages a release again. The order of the steps differs from that of build and package: archives are
// made first, with the images and binaries that they need. Archives get the signatures that those of the given sides have.
func remake(ctx context.Context, o Request, commit string, sides []side) (made *remade, err error) {
	task := progress.Start(ctx, "build again")
	defer func() { task.Done(err) }()
	made = &remade{}
	if made.dir, err = os.MkdirTemp("", "slipway-rebuild-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.Close())
		}
	}()
	dir, err := filepath.EvalSymlinks(made.dir)
	if err != nil {
		return made, err
	}
	project, err := clone(ctx, o.Project, filepath.Join(dir, "a-clean-clone"), commit)
	if err != nil {
		return made, err
	}
	temp, cache, signatures := filepath.Join(dir, "temporary-files"), filepath.Join(dir, "cache"), filepath.Join(dir, "signatures")
	for _, folder := range []string{temp, signatures} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return made, err
		}
	}
	for _, s := range sides {
		if err := keepSignatures(ctx, s, o.Archives, signatures); err != nil {
			return made, err
		}
	}
	if o.KeepCache {
		cache = ""
	}
	env := environment(o.Environ, temp, cache)
	for _, verb := range []string{"package", "build"} {
		arguments := slices.Concat(o.Slipway, []string{verb, "--config", filepath.Join(project, o.Config), "--" + SignaturesFlag, signatures}, o.Arguments)
		if err := run(ctx, project, env, arguments); err != nil {
			return made, fmt.Errorf("building again: slipway %s of commit %s in a clean clone: %w", verb, commit, err)
		}
	}
	made.clues = clues(o.Environ, o.Project, project, temp)
	made.dist, err = openDist(project, filepath.Join(project, "dist"))
	return made, err
}

// run runs a command of Slipway in other surroundings. An error contains what the command printed.
func run(ctx context.Context, dir string, env, arguments []string) error {
	command := wrap(ctx, arguments)
	cmd := process.Command(ctx, command[0], command[1:]...)
	var said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, &said
	if err := process.Run(ctx, cmd); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(said.String()))
	}
	return nil
}
