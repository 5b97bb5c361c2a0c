package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A test is one test function that feeds the table.
type test struct{ name, folder string }

const prefix = "TestAssurance_"

// find lists the tests below root, in the order of the table's parts: the
// source says which there are, so none can be forgotten here.
func find(root string) (tests []test, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", ".cache", "bin", "testdata", "node_modules":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, prefix) {
				tests = append(tests, test{f.Name.Name, filepath.ToSlash(filepath.Dir(path))})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(tests, func(a, b test) int {
		if p, q := a.part(), b.part(); p != q {
			return p - q
		}
		return strings.Compare(a.name+a.folder, b.name+b.folder)
	})
	for i := range len(tests) - 1 {
		if tests[i].name == tests[i+1].name {
			return nil, fmt.Errorf("%s stands in %s and in %s: names of these tests are unique", tests[i].name, tests[i].folder, tests[i+1].folder)
		}
	}
	return tests, nil
}

// part is the place of the test's part among the table's; a test named for no
// part comes last.
func (t test) part() int {
	var parts []string
	for _, g := range assurance.Goals() {
		if !slices.Contains(parts, g.Part) {
			parts = append(parts, g.Part)
		}
	}
	name := strings.ToLower(strings.TrimPrefix(t.name, prefix))
	for i, p := range parts {
		if strings.HasPrefix(name, strings.ReplaceAll(p, " ", "")) {
			return i
		}
	}
	return len(parts)
}
