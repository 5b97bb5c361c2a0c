package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

func TestFindsTestsInTheTablesOrder(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"b/x_test.go":          "package b\nfunc TestAssurance_Other() {}\nfunc TestOther() {}",
		"a/x_test.go":          "package a\nfunc TestAssurance_ReferenceAgrees() {}",
		"a/x.go":               "package a\nfunc TestAssurance_NoTest() {}",
		"a/testdata/x_test.go": "package a\nfunc TestAssurance_Data() {}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := find(dir)
	if err != nil || len(tests) != 2 || tests[0].name != "TestAssurance_ReferenceAgrees" || tests[1].name != "TestAssurance_Other" {
		t.Fatalf("%v, %v", tests, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "y_test.go"), []byte("package y\nfunc TestAssurance_Other() {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := find(dir); err == nil || !strings.Contains(err.Error(), "unique") {
		t.Fatalf("two tests of one name: %v", err)
	}
}

// Every part of the table has a test that is named for it.
func TestEveryPartHasATest(t *testing.T) {
	tests, err := find("../../..")
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, x := range tests {
		has[strings.ToLower(x.name)] = true
	}
	for _, g := range assurance.Goals() {
		found := false
		for name := range has {
			found = found || strings.HasPrefix(name, strings.ToLower(prefix)+strings.ReplaceAll(g.Part, " ", ""))
		}
		if !found {
			t.Errorf("no %s… for the part %q", prefix, g.Part)
		}
	}
}

func TestTableMarksWhatIsShort(t *testing.T) {
	goal := assurance.Goal{Part: "p", Row: "p/a|b", Unit: "cases", How: assurance.AtLeast, Than: 5}
	x := table{"a machine", "1s", []assurance.Result{
		{Goal: goal, Figure: assurance.Figure{Value: 5, Note: "x|y"}},
		{Goal: goal, Figure: assurance.Figure{Value: 4}},
		{Goal: goal, Missing: true},
	}, nil, []string{"TestAssurance_P"}}
	text := x.markdown()
	if strings.Count(text, "**SHORT**") != 2 || strings.Count(text, "| met |") != 1 || !strings.Contains(text, `x\|y`) || !strings.Contains(text, "**FAILED**: TestAssurance_P") {
		t.Error(text)
	}
	var b bytes.Buffer
	if err := x.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Rows []struct {
			Value *int
			Met   bool
		}
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back.Rows) != 3 || !back.Rows[0].Met || back.Rows[2].Value != nil {
		t.Errorf("%+v, %v", back, err)
	}
}

// module writes a module with one test of the table, and works in it.
func module(t *testing.T, body string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.24\n",
		"x_test.go": "package m\n\nimport (\n\"os\"\n\"testing\"\n)\n\nfunc record() {\n" +
			"os.WriteFile(os.Getenv(\"" + assurance.Folder + "\")+\"/plain_commitments.json\", []byte(`{\"row\":\"plain/commitments\"}`), 0o600)\n}\n\n" +
			"func TestAssurance_PlainX(t *testing.T) {\n" + body + "\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// What a test did not record in this run is not met, whatever an earlier run
// left, and a test that fails or does not run does not pass.
func TestRefusesFiguresOfAnotherRun(t *testing.T) {
	const fine, red, skipped, silent = "record()", "record(); t.Fatal(1)", "record(); t.Skip()", ""
	for _, c := range []struct{ name, body, only, want, row string }{
		{"all of the tests", fine, "", "figures fall short", ""},
		{"those that record", fine, "PlainX", "", "| met |"},
		{"a failure", red, "PlainX", "failed: TestAssurance_PlainX", "**FAILED**"},
		{"a skipped test", skipped, "PlainX", "failed: TestAssurance_PlainX", "**FAILED**"},
		{"no figure", silent, "PlainX", "", "| 1 | of an earlier run |"},
		{"no such test", fine, "PlainY", "no test's name", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			module(t, c.body)
			out := t.TempDir()
			for name, text := range map[string]string{
				"plain_commitments.json": `{"row":"plain/commitments","value":1}`,
				"somebody's.txt":         "not a figure",
			} {
				if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var printed bytes.Buffer
			err := run(t.Context(), options{out, c.only, false, &printed, io.Discard})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if !strings.Contains(printed.String(), c.row) {
				t.Errorf("no %q in\n%s", c.row, &printed)
			}
			if _, err := os.Stat(filepath.Join(out, "somebody's.txt")); err != nil {
				t.Error(err)
			}
		})
	}
}
