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

// Init writes a slipway.yaml with comments for the project in dir, and returns its path. It replaces no file, and
// checks what it writes with config.Load.
func Init(ctx context.Context, dir string) (path string, err error) {
	path = filepath.Join(dir, config.FileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("writing %s: it exists already; remove it first to write a new one", path)
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
	defer fileop.Remove(temp.Name()) // it does nothing after the rename
	_, err = temp.Write(text.Bytes())
	if err := errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	// Whether the file is valid must not depend on the environment.
	if _, err := config.Load(ctx, temp.Name(), func(string) (string, bool) { return "", false }); err != nil {
		return "", fmt.Errorf("checking the new %s: %w", path, err)
	}
	if err := fileop.Rename(temp.Name(), path); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	return path, nil
}

// yamlScalar writes s as a YAML value without variables.
func yamlScalar(s string) (string, error) {
	data, err := yaml.Marshal(expression.Literal(s).String())
	return strings.TrimSpace(string(data)), err
}
