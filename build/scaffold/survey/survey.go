package survey

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// A Survey is the information about the project in a checkout.
type Survey struct {
	Tree    *Tree
	Modules []*Module
	Recipes *Recipes
	Origin  Origin
}

// Read surveys the checkout in dir. Unreadable folders, and information that git cannot provide, are doubts of the tree
// and the origin.
func Read(ctx context.Context, dir string) (*Survey, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("surveying %s: %w", dir, err)
	}
	tree, err := readTree(ctx, abs, maxFiles)
	if err != nil {
		return nil, err
	}
	return &Survey{Tree: tree, Modules: readModules(tree), Recipes: readRecipes(tree), Origin: readOrigin(ctx, dir)}, nil
}

// AppendNew appends the items that a list does not contain.
func AppendNew(list []string, more ...string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}
