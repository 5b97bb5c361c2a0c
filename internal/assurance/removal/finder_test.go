package removal

import (
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

func found(t *testing.T, text string) *finder {
	t.Helper()
	s := &source{name: "a.go", text: []byte(text), set: token.NewFileSet()}
	var err error
	if s.tree, err = parser.ParseFile(s.set, s.name, text, 0); err != nil {
		t.Fatal(err)
	}
	n := 0
	f := &finder{source: s, next: func() string { n++; return strconv.Itoa(n) }}
	f.find()
	return f
}

func TestSwitchesStandAtEachSite(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"an assertion", `p.api.AssertIsEqual(a, b)`, `if !mutant.On("1") { p.api.AssertIsEqual(a, b) }`},
		{"a public input", `p.bind(c.X)`, `if !mutant.On("1") { p.bind(mutant.Value("2", c.X, 0)) }`},
		{"an error", `if err := rekey.AssertRekeyed(api); err != nil { return err }`,
			`if err := mutant.Error("1", func() error { return rekey.AssertRekeyed(api) }); err != nil { return err }`},
		{"a range", `api.ToBinary(x, 4)`, `if !mutant.On("1") { mutant.Bits("2", api, mutant.Value("3", x, 0), 4) }`},
		{"bits", `s := api.ToBinary(x, 4)`, `s := mutant.Bits("1 2 3", api, mutant.Value("4", x, 0), 4)`},
		{"a hash in an assertion", `p.api.AssertIsEqual(x, p.hash.Sum(T, y))`,
			`if !mutant.On("1") { p.api.AssertIsEqual(x, p.hash.Sum(mutant.Tag("2", T), mutant.Value("3", y, 0))) }`},
		{"a list", `h.Sum(T, l...)`, `h.Sum(mutant.Tag("1", T), mutant.Last("2", l)...)`},
		{"two values for one", `predicate.AssertSubset(api, a, b, n)`,
			`if !mutant.On("1") { predicate.AssertSubset(api, mutant.Value("2", mutant.Value("4", a, b), 0), mutant.Value("3", mutant.Value("5", b, a), 0), n) }`},
		{"what is asked", `c.Record.assert(p, holder, asked{now: c.Now, until: c.Until})`,
			`if !mutant.On("1") { c.Record.assert(p, mutant.Value("2", holder, 0), asked{now: mutant.Value("3", mutant.Value("4", c.Now, c.Until), 0), until: mutant.Value("5", mutant.Value("6", c.Until, c.Now), 0)}) }`},
	} {
		f := found(t, "package p\nfunc f() {\n"+c.body+"\n}\n")
		got := f.edited()
		_, got, _ = strings.Cut(got, "func f() {\n")
		if got = strings.TrimSuffix(got, "\n}\n"); got != c.want || len(f.unknown) != 0 {
			t.Errorf("%s: %s\nwant %s; unknown: %q", c.name, got, c.want, f.unknown)
		}
	}
}

// A new assertion is not passed over because its name is new, or because it
// stands where none stood before.
func TestRefusesAssertionsThatItCannotRemove(t *testing.T) {
	for _, body := range []string{
		`predicate.AssertSomethingNew(api, x)`,
		`defer p.api.AssertIsEqual(x, y)`,
		`x := merkle.AssertMember(api, h, leaf, path, root)`,
	} {
		if f := found(t, "package p\nfunc f() {\n"+body+"\n}\n"); len(f.unknown) != 1 {
			t.Errorf("%s: passed over", body)
		}
	}
}
