package boundary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/zkconsent/zkconsent"
)

// A file is one parsed Go file, named relative to the repository.
type file struct {
	name      string
	test      bool
	generated bool
	set       *token.FileSet
	tree      *ast.File
}

// dir is the file's folder, "." for the repository's root.
func (f file) dir() string { return path.Dir(f.name) }

func (f file) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }

// imports lists the file's import paths.
func (f file) imports() (out []string) {
	for _, i := range f.tree.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// walk visits the repository's files, without what is built, fetched, or a
// module of its own.
func walk(t *testing.T, visit func(name, full string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			switch d.Name() {
			case ".git", ".cache", "bin", "node_modules":
				return filepath.SkipDir
			}
			return nil
		}
		visit(name, full)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// load parses the main module's Go files.
func load(t *testing.T) (files []file) {
	t.Helper()
	walk(t, func(name, full string) {
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "tools/") || strings.Contains(name, "testdata/") {
			return
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, full, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{name: name, test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(tree), set: set, tree: tree})
	})
	if len(files) < 20 {
		t.Fatalf("found only %d Go files: the tests look at the wrong folder", len(files))
	}
	return files
}

// parse makes a file of source text, for the tests of the rules themselves.
func parse(t *testing.T, name, source string) file {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file{name: name, test: strings.HasSuffix(name, "_test.go"), set: set, tree: tree}
}
