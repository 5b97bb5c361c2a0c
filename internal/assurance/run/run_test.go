package main

import (
	"bytes"
	"encoding/json"
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
	}, []string{"TestAssurance_P"}}
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
