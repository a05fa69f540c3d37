package scaffold

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	texttemplate "text/template"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/internal/fileop"
)

//go:embed init.yaml.tmpl
var initTemplate string

// Init writes a slipway.yaml, with comments, for the project in dir: its main
// packages in ./cmd/* and ., its Dockerfiles, and what else can be guessed. It
// returns the path of the file, which Load has accepted, and overwrites nothing.
func Init(ctx context.Context, dir string) (path string, err error) {
	path = filepath.Join(dir, config.FileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("writing %s: it is there already; take it away first to have it written anew", path)
		}
		return "", err
	}
	survey, err := surveyProject(dir)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	t := texttemplate.Must(texttemplate.New(config.FileName).Funcs(texttemplate.FuncMap{"yaml": yamlScalar}).Parse(initTemplate))
	if err := t.Execute(&text, survey); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	temp, err := os.CreateTemp(dir, ".slipway-init-*.yaml")
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	defer fileop.Remove(temp.Name()) // what has been renamed is not there any more
	_, err = temp.Write(text.Bytes())
	if err := errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	// The environment of this moment must not decide whether the file is good.
	if _, err := config.Load(ctx, temp.Name(), func(string) (string, bool) { return "", false }); err != nil {
		return "", fmt.Errorf("checking what was to be %s: %w", path, err)
	}
	if err := fileop.Rename(temp.Name(), path); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	return path, nil
}

// yamlScalar spells s, which holds no variables, as a value of slipway.yaml.
func yamlScalar(s string) (string, error) {
	data, err := yaml.Marshal(expression.Literal(s).String())
	return strings.TrimSpace(string(data)), err
}
