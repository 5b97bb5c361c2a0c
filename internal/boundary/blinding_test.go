package boundary

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// unblinded lists the calls of PLONK's prover that do not ask for statistical
// zero-knowledge, which gnark leaves out unless it is told: nothing in a proof
// shows that it is missing.
func unblinded(f file) (lines []int, calls int) {
	names := map[string]bool{}
	for i, p := range f.imports() {
		if strings.HasPrefix(p, gnark+"/backend/plonk") {
			name := strings.Replace(path.Base(p), "bn254", "plonk", 1) // what that package is called
			if spec := f.tree.Imports[i]; spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = true
		}
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		prove, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || prove.Sel.Name != "Prove" {
			return true
		}
		if x, ok := prove.X.(*ast.Ident); !ok || !names[x.Name] {
			return true
		}
		calls++
		for _, arg := range call.Args {
			if option, ok := arg.(*ast.CallExpr); ok {
				if s, ok := option.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "WithStatisticalZeroKnowledge" {
					return true
				}
			}
		}
		lines = append(lines, f.line(call))
		return true
	})
	return lines, calls
}

func TestPlonkProofsAreBlinded(t *testing.T) {
	calls := 0
	for _, f := range load(t) {
		lines, n := unblinded(f)
		for _, line := range lines {
			t.Errorf("%s:%d proves without statistical zero-knowledge", f.name, line)
		}
		if !f.test {
			calls += n
		}
	}
	if calls != 1 {
		t.Errorf("%d calls of PLONK's prover outside tests, the prover's own is one", calls)
	}
	bare := parse(t, "prover/a.go", "package p\nimport plonk \""+gnark+"/backend/plonk/bn254\"\nvar _, _ = plonk.Prove(s, k, w, backend.WithSolverOptions())")
	if lines, _ := unblinded(bare); len(lines) != 1 {
		t.Error("a call without the option is not seen")
	}
}
