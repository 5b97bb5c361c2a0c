package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNodeStatusIsNotTooHopeful: a node is healthy only if it runs, speaks, has
// caught up, and its newest block is one that clients decide on.
func TestNodeStatusIsNotTooHopeful(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	good := func() *nodeView {
		return &nodeView{nodeReport: &nodeReport{Written: now.Add(-time.Second), MaxHeadAge: 60}, Running: true, Age: 60}
	}
	if reason := good().trouble(now); reason != "" {
		t.Fatal(reason)
	}
	for want, change := range map[string]func(*nodeView){
		"no node runs":           func(v *nodeView) { v.Running = false },
		"is starting":            func(v *nodeView) { v.Written = time.Time{} },
		"has not written":        func(v *nodeView) { v.Written = now.Add(-time.Minute) },
		"catching up":            func(v *nodeView) { v.CatchingUp = true },
		"61 seconds old":         func(v *nodeView) { v.Age = 61 },
		"a third of the power":   func(v *nodeView) { v.Age = 3600 },
		"zkconsent node start":   func(v *nodeView) { v.Running, v.Written = false, time.Time{} },
		"its disk is full":       func(v *nodeView) { v.Written, v.Age = now.Add(-time.Hour), 0 },
		"clients take at most 6": func(v *nodeView) { v.Age = 1 << 20 },
	} {
		v := good()
		change(v)
		if got := v.trouble(now); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReadReportRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), statusFile)
	for name, text := range map[string]string{"nothing": "", "a field of another version": `{"hight": 1}`, "a list": "[]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readReport(path); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
