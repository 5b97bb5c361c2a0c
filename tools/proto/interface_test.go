package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buf is the executable that `make interface` built.
func buf(t *testing.T) string {
	t.Helper()
	path := os.Getenv("ZKCONSENT_BUF")
	if path == "" {
		t.Skip("skipped: ZKCONSENT_BUF names no executable of buf; `make interface` does")
	}
	return path
}

// copied is the interface in a folder of its own, with one change.
func copied(t *testing.T, file, from, to string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"registry", "prover", "verifier"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "api", "zkconsent", "v1", name+".proto"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if name == file {
			if strings.Count(text, from) != 1 {
				t.Fatalf("%q stands %d times in %s", from, strings.Count(text, from), name)
			}
			text = strings.Replace(text, from, to, 1)
		}
		path := filepath.Join(root, "api", "zkconsent", "v1", name+".proto")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func imageOf(t *testing.T, root string, bare bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.binpb")
	if err := (job{root: root, image: path, bare: bare}).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return path
}

var config = filepath.Join("..", "buf", "buf.yaml")

// TestStyleIsHeld: buf lint passes what stands, and refuses each of these.
func TestStyleIsHeld(t *testing.T) {
	tool := buf(t)
	lint := func(file, from, to string) (string, error) {
		out, err := exec.CommandContext(t.Context(), tool, "lint", imageOf(t, copied(t, file, from, to), false), "--config", config).CombinedOutput()
		return string(out), err
	}
	if out, err := lint("", "", ""); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, c := range map[string][3]string{
		"a field in another case":        {"verifier", "string return_address = 3", "string returnAddress = 3"},
		"a field without a comment":      {"prover", "  // The proof in the layout of its scheme (docs/spec.md §9.5, §9.7).\n", ""},
		"an answer of another call":      {"prover", "returns (CircuitsResponse)", "returns (ProveResponse)"},
		"a service by another name":      {"prover", "service ProverService {", "service Prover {"},
		"an enumeration without nothing": {"prover", "    STAGE_UNSPECIFIED = 0;", "    STAGE_NONE = 0;"},
	} {
		if out, err := lint(c[0], c[1], c[2]); err == nil {
			t.Errorf("%s passes", name)
		} else if !strings.Contains(out, c[0]+".proto:") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestWhatCallersUseStays: a change that breaks callers is refused by buf or, in
// REST addresses, by this program.
func TestWhatCallersUseStays(t *testing.T) {
	tool := buf(t)
	released := imageOf(t, copied(t, "", "", ""), true)
	breaking := func(root string) (string, error) {
		out, err := exec.CommandContext(t.Context(), tool, "breaking", imageOf(t, root, false), "--against", released, "--config", config).CombinedOutput()
		if err != nil {
			return string(out), err
		}
		return "", (job{root: root, released: released}).run(t.Context())
	}
	for name, c := range map[string][3]string{
		"nothing":       {},
		"a new field":   {"prover", "  bytes proof = 1;\n", "  bytes proof = 1;\n\n  // More.\n  uint32 more = 2;\n"},
		"a new comment": {"prover", "// ProveResponse carries a proof.", "// ProveResponse carries one proof."},
		"a new method":  {"prover", "  // Circuits lists", "  // Same is Circuits.\n  rpc Same(CircuitsRequest) returns (CircuitsResponse);\n\n  // Circuits lists"},
	} {
		if out, err := breaking(copied(t, c[0], c[1], c[2])); err != nil {
			t.Errorf("%s is refused: %v: %s", name, err, out)
		}
	}
	for name, c := range map[string][3]string{
		"a field that is gone":     {"verifier", "  string comparison_code = 13;\n", ""},
		"another number":           {"verifier", "string comparison_code = 13", "string comparison_code = 14"},
		"another type":             {"registry", "  bytes checkpoint = 1;", "  string checkpoint = 1;"},
		"another name":             {"verifier", "string comparison_code = 13", "string compare = 13"},
		"a value that is gone":     {"registry", "    AUDITS = 5;\n", ""},
		"another value's number":   {"registry", "    AUDITS = 5;", "    AUDITS = 6;"},
		"another answer":           {"prover", "returns (ProveResponse) {", "returns (CircuitsResponse) {"},
		"a stream that is none":    {"prover", "returns (stream ProveStreamResponse)", "returns (ProveStreamResponse)"},
		"a method's other name":    {"prover", "rpc Circuits(CircuitsRequest)", "rpc ListCircuits(CircuitsRequest)"},
		"another REST address":     {"prover", `{get: "/v1/circuits"}`, `{get: "/v1/circuit"}`},
		"another verb":             {"prover", `{get: "/v1/circuits"}`, `{delete: "/v1/circuits"}`},
		"an address's other field": {"verifier", `"/v1/requests/{request}/verdict"`, `"/v1/requests/{request}/verdicts"`},
	} {
		if _, err := breaking(copied(t, c[0], c[1], c[2])); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestTheReleasedInterfaceCanBeRead: a file that holds nothing would pass
// everything.
func TestTheReleasedInterfaceCanBeRead(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "api", "released.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := routes(b); err != nil || len(found) < 25 {
		t.Errorf("%d REST addresses, %v", len(found), err)
	}
	if _, err := routes(nil); err == nil {
		t.Error("an empty image passes")
	}
}
