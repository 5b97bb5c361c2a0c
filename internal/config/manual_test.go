package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const manualFile = "../../docs/configuration.md"

// commented are the comments of this package's types and of their fields, by
// "Type" and "Type.Field".
func commented(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				out[spec.Name.Name] = oneLine(g.Doc)
				if st, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						for _, n := range f.Names {
							out[spec.Name.Name+"."+n.Name] = oneLine(f.Doc)
						}
					}
				}
			}
		}
	}
	return out
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// A manual is the document that is made from the structs.
type manual struct {
	strings.Builder
	comments map[string]string
	missing  []string
}

const preamble = `# Configuration

<!-- Made from the comments in internal/config by go test ./internal/config -run TestManual -update -->

` + "`zkconsent serve --config FILE`" + ` reads one file of YAML. What it says, a variable of the environment overrides, and that, a flag ` + "`--set FIELD=VALUE`" + `.
A list in a variable or a flag is ` + "`a,b`" + `; a list of rules or a table is YAML on one line, such as ` + "`[{dns: claims.example.org, roles: [insurer]}]`" + `. It replaces the file's list as a whole.
A variable that is empty says nothing; ` + "`--set FIELD=`" + ` takes a value away.
Fields that do not exist, that stand twice, and variables that begin like a section and name no field of it are refused. All faults are told at once, each with its line, its field and what to do.
Paths in the file are relative to the file's folder; those in variables and flags, to the working folder. No field holds a secret: keys and data source names stand in files that only the program's user may read.

` + "`zkconsent serve --config FILE --print`" + ` shows what holds in the end and starts nothing; ` + "`zkconsent doctor --config FILE`" + ` checks it against the machine. [deploy/config](../deploy/config) has a file for each role. Shortest is this, for a verifier on loopback:

` + "```yaml\n" + minimal + "```\n"

func (m *manual) comment(name string) string {
	c := m.comments[name]
	if c == "" {
		m.missing = append(m.missing, name)
	}
	return strings.ReplaceAll(c, "|", "\\|")
}

// section writes a section's fields as a table, then the sections below it.
func (m *manual) section(t reflect.Type, path string, listed bool) {
	if path == "" {
		m.WriteString("\n## The whole\n\n")
	} else {
		title := path
		if listed {
			title += "[]"
		}
		fmt.Fprintf(m, "\n## %s\n\n%s\n\n", title, m.comment(t.Name()))
	}
	if listed {
		m.WriteString("| field | type | default | meaning |\n|---|---|---|---|\n")
	} else {
		m.WriteString("| field | type | default | environment | meaning |\n|---|---|---|---|---|\n")
	}
	type below struct {
		t      reflect.Type
		path   string
		listed bool
	}
	var sections []below
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		switch {
		case name == "":
			continue
		case f.Type.Kind() == reflect.Struct:
			sections = append(sections, below{f.Type, join(path, name), false})
			continue
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			sections = append(sections, below{f.Type.Elem(), join(path, name), true})
		}
		given := f.Tag.Get("default")
		if given != "" {
			given = "`" + given + "`"
		}
		fmt.Fprintf(m, "| `%s` | %s | %s |", name, typeName(f.Type), given)
		if !listed {
			fmt.Fprintf(m, " `%s` |", Variable(join(path, name)))
		}
		fmt.Fprintf(m, " %s |\n", m.comment(t.Name()+"."+f.Name))
	}
	for _, s := range sections {
		m.section(s.t, s.path, s.listed)
	}
}

// typeName is a type as the manual has it.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "time"
	case reflect.TypeFor[Path]():
		return "path"
	case reflect.TypeFor[SecretFile]():
		return "path of a secret"
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "list of rules"
		}
		return "list of " + plural(t.Elem())
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return "table of texts"
		}
		return "table of lists of callers' roles"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Uint64, reflect.Float64:
		return "number"
	}
	return "text"
}

func plural(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[identity.Role]():
		return "callers' roles"
	case reflect.TypeFor[consent.CircuitID]():
		return "circuits"
	}
	return "texts"
}

// TestManual: docs/configuration.md is what the comments say, and every field
// has one.
func TestManual(t *testing.T) {
	m := &manual{comments: commented(t)}
	m.WriteString(preamble)
	m.section(reflect.TypeFor[Config](), "", false)
	for _, name := range m.missing {
		t.Errorf("%s has no comment", name)
	}
	if *update {
		if err := os.WriteFile(manualFile, []byte(m.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(manualFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != m.String() {
		t.Error("docs/configuration.md is not what the comments say: go test ./internal/config -run TestManual -update")
	}
}
