package boundary

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// banned are names of gnark and gnark-crypto that drop a constraint, a check
// or the secrecy of a setup, with the reason.
var banned = map[string]string{
	"DivUnchecked":              "0/0 satisfies it with any quotient",
	"OmitModulusCheck":          "lets a value have two bit decompositions",
	"WithUnconstrainedOutputs":  "leaves bits unconstrained",
	"IgnoreUnconstrainedInputs": "hides inputs that no constraint binds",
	"DummySetup":                "makes keys that prove nothing",
}

// sourceFaults finds banned calls and constructions in one file.
func sourceFaults(f file) (faults []string) {
	if f.test || f.generated || helper(f.dir()) {
		return nil
	}
	fault := func(n ast.Node, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s:%d: %s", f.name, f.line(n), fmt.Sprintf(format, args...)))
	}
	names := map[string]string{} // local name of each import
	for i, p := range f.imports() {
		spec := f.tree.Imports[i]
		if p == "unsafe" || strings.Contains(p, "unsafekzg") {
			fault(spec, "imports %s", p)
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	main := f.tree.Name.Name == "main" && path.Base(f.name) == "main.go"
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				fault(n, "init function")
			}
		case *ast.SelectorExpr:
			if why, no := banned[n.Sel.Name]; no {
				fault(n, "%s: %s", n.Sel.Name, why)
			}
			if strings.HasPrefix(n.Sel.Name, "Unsafe") {
				fault(n, "%s", n.Sel.Name)
			}
			x, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			from := names[x.Name]
			switch {
			case n.Sel.Name == "Setup" && strings.HasPrefix(from, gnark+"/backend/") && !under(f.dir(), "prover/setup"):
				fault(n, "a setup outside prover/setup")
			case from == "os" && n.Sel.Name == "Exit" && !main:
				fault(n, "os.Exit outside a command's main.go")
			case from == "log" && (strings.HasPrefix(n.Sel.Name, "Fatal") || strings.HasPrefix(n.Sel.Name, "Panic")):
				fault(n, "log.%s ends the process", n.Sel.Name)
			}
		}
		return true
	})
	for _, group := range f.tree.Comments {
		for _, mark := range []string{"TO" + "DO", "FIX" + "ME"} {
			if strings.Contains(group.Text(), mark) {
				fault(group, "%s in a comment", mark)
			}
		}
	}
	return faults
}

func TestAssurance_PlainSource(t *testing.T) {
	files, faults := 0, 0
	for _, f := range load(t) {
		files++
		for _, fault := range sourceFaults(f) {
			faults++
			t.Error(fault)
		}
	}
	assurance.Record(t, "plain/banned calls", faults, fmt.Sprintf("in %d files; %d names, what begins with Unsafe, unsafe, unsafekzg, and setups out of their place", files, len(banned)))
}

func TestBannedCallsAreSeen(t *testing.T) {
	for name, c := range map[string]struct {
		file, source string
		want         int
	}{
		"clean":                    {"circuits/a.go", "package p\nimport \"os\"\nvar _ = os.Args", 0},
		"DivUnchecked":             {"circuits/a.go", "package p\nfunc f(api API) { api.DivUnchecked(1, 2) }", 1},
		"in a test":                {"circuits/a_test.go", "package p\nfunc f(api API) { api.DivUnchecked(1, 2) }", 0},
		"option":                   {"circuits/a.go", "package p\nvar _ = bits.WithUnconstrainedOutputs()", 1},
		"unsafe reader":            {"prover/a.go", "package p\nfunc f() { key.UnsafeReadFrom(r) }", 1},
		"unsafe":                   {"prover/a.go", "package p\nimport _ \"unsafe\"", 1},
		"unsafekzg":                {"prover/a.go", "package p\nimport _ \"github.com/consensys/gnark/test/unsafekzg\"", 1},
		"setup in the prover":      {"prover/a.go", "package p\nimport \"" + gnark + "/backend/groth16\"\nvar _ = groth16.Setup", 1},
		"setup renamed":            {"prover/a.go", "package p\nimport g \"" + gnark + "/backend/groth16/bn254\"\nvar _ = g.Setup", 1},
		"setup in its place":       {"prover/setup/a.go", "package p\nimport \"" + gnark + "/backend/groth16\"\nvar _ = groth16.Setup", 0},
		"somebody else's Setup":    {"prover/a.go", "package p\nvar _ = x.Setup", 0},
		"exit in a library":        {"prover/a.go", "package p\nimport \"os\"\nfunc f() { os.Exit(1) }", 1},
		"exit in main":             {"cmd/zkconsent/main.go", "package main\nimport \"os\"\nfunc main() { os.Exit(1) }", 0},
		"exit beside main":         {"cmd/zkconsent/verb.go", "package main\nimport \"os\"\nfunc f() { os.Exit(1) }", 1},
		"log.Fatal":                {"prover/a.go", "package p\nimport \"log\"\nfunc f() { log.Fatal() }", 1},
		"init":                     {"prover/a.go", "package p\nfunc init() {}", 1},
		"a method that is no init": {"prover/a.go", "package p\nfunc (t T) init() {}", 0},
		"an unfinished comment":    {"prover/a.go", "package p\n// TO" + "DO: later\nvar x int", 1},
	} {
		if got := sourceFaults(parse(t, c.file, c.source)); len(got) != c.want {
			t.Errorf("%s: %q, want %d", name, got, c.want)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented, name := map[string]bool{}, map[string]string{}
	for _, f := range load(t) {
		if f.test {
			continue
		}
		name[f.dir()] = f.tree.Name.Name
		want := "Package " + f.tree.Name.Name + " "
		if f.tree.Name.Name == "main" {
			want = "Command "
		}
		if strings.HasPrefix(f.tree.Doc.Text(), want) {
			documented[f.dir()] = true
		}
	}
	for dir, n := range name {
		if !documented[dir] {
			t.Errorf("%s: package %s has no doc comment that starts with its name", dir, n)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	for _, f := range load(t) {
		if lines := f.set.File(f.tree.Pos()).LineCount(); lines > 600 && !f.generated {
			t.Errorf("%s has %d lines, at most 600 are allowed", f.name, lines)
		}
	}
}

// machinePath finds paths that exist on one machine only.
var machinePath = regexp.MustCompile(`(^|[^\w.])/(` + `work/(main|shared)|root|Users` + `)/`)

func TestNoMachinePaths(t *testing.T) {
	if !machinePath.MatchString("see /ro"+"ot/x") || machinePath.MatchString("project.org/ro"+"ot/x") {
		t.Fatal("the pattern does not find what it should")
	}
	walk(t, func(name, full string) {
		switch path.Ext(name) {
		case ".go", ".md", ".sh", ".py", ".yaml", ".yml", ".json", ".proto", ".txtar", ".mod", "":
		default:
			return
		}
		info, err := os.Stat(full)
		if err != nil || info.Size() > 4<<20 {
			return
		}
		content, err := os.ReadFile(full)
		if err != nil {
			t.Error(err)
			return
		}
		if at := machinePath.FindIndex(content); at != nil {
			t.Errorf("%s:%d: %q is a path of one machine", name, 1+strings.Count(string(content[:at[0]]), "\n"), content[at[0]:at[1]])
		}
	})
}
