package boundary

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// decoderName is how functions are named that read a form.
var decoderName = regexp.MustCompile(`^(Decode|Parse|Unmarshal|Read|Scan|Load|Restore|decode|parse|unmarshal|read|scan|load|restore)([A-Z0-9]|$)`)

// outside are types of parameters that carry what was written elsewhere.
var outside = regexp.MustCompile(`^(\[\]byte|string|\[[^\]]+\]byte|\.\.\.byte|io\.Reader|io\.ReaderAt|\*bufio\.Reader|\*json\.Decoder|scanner)$`)

// found lists a file's decoders: by name and by what they take.
func found(f file) (names []string) {
	if f.test || f.generated || helper(f.dir()) || under(f.dir(), "benchmarks") {
		return nil
	}
	for _, d := range f.tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !decoderName.MatchString(fn.Name.Name) {
			continue
		}
		for _, p := range fn.Type.Params.List {
			if outside.MatchString(written(p.Type)) {
				names = append(names, nameOf(fn))
				break
			}
		}
	}
	return names
}

// nameOf is F, or T.F for a method.
func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	return written(t) + "." + fn.Name.Name
}

// written is a type as the source has it.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + written(e.X)
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	case *ast.Ellipsis:
		return "..." + written(e.Elt)
	case *ast.BasicLit:
		return e.Value
	case *ast.BinaryExpr:
		return written(e.X) + e.Op.String() + written(e.Y)
	case *ast.ArrayType:
		if e.Len == nil {
			return "[]" + written(e.Elt)
		}
		return "[" + written(e.Len) + "]" + written(e.Elt)
	}
	return "?"
}

const advice = `%s: the decoder %s has no fuzz target in this table. Write
	func Fuzz…(f *testing.F)
beside its tests (a typed error, or re-encoding to the same bytes), keep some inputs in testdata/fuzz/Fuzz…, and list it in
decoders of internal/boundary/decoders_test.go; or list it with "-" and the reason why nobody outside chooses what it reads`

// fuzzFaults holds the table against the source.
func fuzzFaults(files []file, table map[string]map[string]string) (faults []string, targets, listed int) {
	functions, fuzz := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case f.test && strings.HasPrefix(fn.Name.Name, "Fuzz"):
				fuzz[f.dir()+" "+fn.Name.Name] = true
			case !f.test:
				functions[f.dir()+" "+nameOf(fn)] = true
			}
		}
		for _, name := range found(f) {
			if table[f.dir()][name] == "" {
				faults = append(faults, fmt.Sprintf(advice, f.name, name))
			}
		}
	}
	for dir, entries := range table {
		for name, target := range entries {
			if !functions[dir+" "+name] {
				faults = append(faults, fmt.Sprintf("decoders lists %s of %s, which does not exist", name, dir))
			}
			if reason, exempt := strings.CutPrefix(target, "-"); exempt {
				if len(strings.TrimSpace(reason)) < 20 {
					faults = append(faults, fmt.Sprintf("decoders gives no reason for %s of %s", name, dir))
				}
				continue
			}
			listed++
			for one := range strings.SplitSeq(target, ", ") {
				if !strings.Contains(one, " ") {
					one = dir + " " + one
				}
				if !fuzz[one] {
					faults = append(faults, fmt.Sprintf("decoders names %s for %s of %s, which does not exist", one, name, dir))
				}
			}
		}
	}
	slices.Sort(faults)
	return faults, len(fuzz), listed
}

// TestAssurance_Fuzzing: every decoder has a fuzz target, and every target
// some inputs that are kept.
func TestAssurance_Fuzzing(t *testing.T) {
	files := load(t)
	faults, targets, listed := fuzzFaults(files, decoders)
	for _, fault := range faults {
		t.Error(fault)
	}
	kept := 0
	for _, f := range files {
		if !f.test {
			continue
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			folder := path.Join(f.dir(), "testdata/fuzz", fn.Name.Name)
			inputs, err := os.ReadDir(path.Join(root, folder))
			if err != nil || len(inputs) == 0 {
				t.Errorf("%s: no input is kept in %s: run the target for a while and copy a few that it found from $(go env GOCACHE)/fuzz", f.name, folder)
			}
			kept += len(inputs)
		}
	}
	assurance.Record(t, "fuzzing/targets", targets, fmt.Sprintf("fuzz targets, for %d decoders, with %d inputs kept", listed, kept))
	assurance.Record(t, "fuzzing/without", len(faults), "decoders without a target or a reason")
}

// TestCorpusStaysSmall: what is kept for fuzzing is a few inputs of each kind.
func TestCorpusStaysSmall(t *testing.T) {
	total := int64(0)
	walk(t, func(name, full string) {
		if !strings.Contains(name, "testdata/fuzz/") {
			return
		}
		info, err := os.Stat(full)
		if err != nil {
			t.Error(err)
			return
		}
		if total += info.Size(); info.Size() > 20<<10 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	})
	if total > 1<<20 {
		t.Errorf("%d bytes are kept for fuzzing, at most 1 MiB is meant", total)
	}
}

func TestDecodersAreSeen(t *testing.T) {
	source := func(decl string) file { return parse(t, "p/a.go", "package p\n"+decl) }
	target := parse(t, "p/a_test.go", "package p\nfunc FuzzX(f *testing.F) {}")
	for name, c := range map[string]struct {
		source string
		table  map[string]map[string]string
		want   string
	}{
		"listed":           {"func DecodeX(b []byte) error { return nil }", map[string]map[string]string{"p": {"DecodeX": "FuzzX"}}, ""},
		"a method":         {"func (x *X) UnmarshalJSON(b []byte) error { return nil }", map[string]map[string]string{"p": {"X.UnmarshalJSON": "FuzzX"}}, ""},
		"not listed":       {"func readX(r io.Reader) error { return nil }", map[string]map[string]string{"p": {}}, "readX has no fuzz target"},
		"an array":         {"func Parse(b [Size]byte) error { return nil }", nil, "Parse has no fuzz target"},
		"another target":   {"func DecodeX(b []byte) error { return nil }", map[string]map[string]string{"p": {"DecodeX": "FuzzY"}}, "p FuzzY for DecodeX of p, which does not exist"},
		"gone":             {"", map[string]map[string]string{"p": {"DecodeX": "FuzzX"}}, "DecodeX of p, which does not exist"},
		"no reason":        {"func DecodeX(b []byte) error { return nil }", map[string]map[string]string{"p": {"DecodeX": "- why"}}, "no reason for DecodeX"},
		"no decoder":       {"func reader(b []byte) {}\nfunc Decoder(n int) {}", map[string]map[string]string{}, ""},
		"from a decoder":   {"func decodeX(d *tlv.Decoder) {}", nil, ""},
		"exempt, and said": {"func DecodeX(b []byte) error { return nil }", map[string]map[string]string{"p": {"DecodeX": "- reads what the program itself has compiled in"}}, ""},
	} {
		faults, _, _ := fuzzFaults([]file{source(c.source), target}, c.table)
		if all := strings.Join(faults, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
	}
}
