package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// database answers for the vulnerability database.
func database(t *testing.T, code int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	t.Cleanup(s.Close)
	return s.URL
}

// tool is a program that ends with a code.
func tool(t *testing.T, code string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho looked\nexit "+code+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSkippedIsSaid(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		index, exit string
		code        int
		skipped     bool
	}{
		"reached, nothing found":   {database(t, 200), "0", 0, false},
		"reached, something found": {database(t, 200), "3", 3, false},
		"reached, not readable":    {database(t, 200), "1", 1, false},
		"refused":                  {database(t, 403), "0", 0, true},
		"not there":                {gone.URL, "0", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			note := filepath.Join(t.TempDir(), "skipped", "vulnerabilities")
			if err := os.Mkdir(filepath.Dir(note), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(note, []byte("of an earlier run"), 0o644); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if code := run(c.index, tool(t, c.exit), note, nil, &out); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, out.String())
			}
			b, err := os.ReadFile(note)
			if noted := err == nil && strings.Contains(string(b), "skipped (vulnerability database not reachable)"); noted != c.skipped {
				t.Errorf("noted as skipped: %v (%q, %v)", noted, b, err)
			}
			if said := strings.Contains(out.String(), "skipped"); said != c.skipped || strings.Contains(out.String(), "looked") == c.skipped {
				t.Errorf("says %q", out.String())
			}
		})
	}
}

func TestNoToolIsNoSuccess(t *testing.T) {
	var out strings.Builder
	if code := run(database(t, 200), filepath.Join(t.TempDir(), "none"), "", nil, &out); code == 0 {
		t.Errorf("success without a tool: %s", out.String())
	}
}
