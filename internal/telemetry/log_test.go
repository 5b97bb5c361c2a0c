package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// canary is what must not be seen.
const canary = "canary-5f1e"

type holder struct {
	Name string
	ask  []byte
}

// hidden is a secret that says so.
type hidden struct{ s string }

func (hidden) LogValue() slog.Value { return slog.StringValue("REDACTED") }

func logged(t *testing.T, text bool, f func(*slog.Logger)) string {
	t.Helper()
	var b strings.Builder
	tel, err := New(context.Background(), Config{Log: &b, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	f(tel.Logger)
	return b.String()
}

// TestAttack_SecretsInTheLog: values of types that nobody meant for the log,
// and of names that secrets have, do not get into it, however they are handed
// over.
func TestAttack_SecretsInTheLog(t *testing.T) {
	h := &holder{Name: canary, ask: []byte(canary)}
	for name, f := range map[string]func(*slog.Logger){
		"a struct":        func(l *slog.Logger) { l.Info("x", "holder", *h) },
		"a pointer":       func(l *slog.Logger) { l.Info("x", "holder", h) },
		"bytes":           func(l *slog.Logger) { l.Info("x", "b", []byte(canary)) },
		"an array":        func(l *slog.Logger) { l.Info("x", "b", [11]byte([]byte(canary))) },
		"a map":           func(l *slog.Logger) { l.Info("x", "m", map[string]string{"a": canary}) },
		"JSON":            func(l *slog.Logger) { l.Info("x", "j", json.RawMessage(`"`+canary+`"`)) },
		"by name":         func(l *slog.Logger) { l.Info("x", "accessToken", canary) },
		"in a group":      func(l *slog.Logger) { l.Info("x", slog.Group("g", "passphrase", canary, "holder", h)) },
		"of all lines":    func(l *slog.Logger) { l.With("authorization", canary, "holder", h).Info("x") },
		"a group of all":  func(l *slog.Logger) { l.WithGroup("g").With("nullifier", canary).Info("x", "witness", canary) },
		"a secret type":   func(l *slog.Logger) { l.Info("x", "v", hidden{canary}) },
		"too deep":        func(l *slog.Logger) { l.Info("x", deep(canary, 9)) },
		"a named string":  func(l *slog.Logger) { l.Info("x", "v", fmt.Stringer(stringer{canary})) },
		"a slice of them": func(l *slog.Logger) { l.Info("x", "v", []holder{*h}) },
	} {
		for _, text := range []bool{false, true} {
			out := logged(t, text, f)
			if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprint([]byte(canary))) || strings.Contains(out, "Y2FuYXJ5") {
				t.Errorf("%s: %s", name, out)
			}
			if !strings.Contains(out, redacted) {
				t.Errorf("%s: does not say that something was left out: %s", name, out)
			}
		}
	}
}

type stringer struct{ s string }

func (s stringer) String() string { return s.s }

func deep(s string, n int) slog.Attr {
	if n == 0 {
		return slog.String("s", s)
	}
	return slog.Group("g", deep(s, n-1))
}

// TestLogKeepsWhatItMay: texts, numbers, times and errors are there.
func TestLogKeepsWhatItMay(t *testing.T) {
	out := logged(t, false, func(l *slog.Logger) {
		l.Info("ready", "grpc", "127.0.0.1:1", "n", 3, "ok", true, "took", 1500*time.Millisecond, "error", errors.New("no route"), "roles", []string{"prover"}, "at", time.Unix(0, 0).UTC(),
			"long", strings.Repeat("x", 1<<20), "broken", "a\xff\nb")
		l.Debug("not at this level")
	})
	var line map[string]any
	if err := json.Unmarshal([]byte(out), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"msg": "ready", "grpc": "127.0.0.1:1", "n": 3., "ok": true, "took": 1.5, "error": "no route", "roles": "prover", "at": "1970-01-01T00:00:00Z", "broken": "a�\nb"} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if len(out) > 3*maxText {
		t.Errorf("a line of %d bytes", len(out))
	}
}
