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
	"unicode"
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

// TestAttack_LogThatReadsOtherwise: a subject of a token, or an answer of an
// issuer, writes no line of its own, moves nothing on the operator's terminal,
// and shows itself as what it is.
func TestAttack_LogThatReadsOtherwise(t *testing.T) {
	// In turn: ends of lines, a terminal's own commands in both of their forms,
	// an order turned around, what is not seen, and what is no UTF-8.
	const hostile = "a\nlevel=ERROR msg=forged\r\x1b[2J\u009b2J\u0085b\u202egnp.c\u2066d\u200be\u2028f\u2029g\x7fh\ufeffi\xffj\U000e0041k"
	for _, form := range []bool{false, true} {
		out := logged(t, form, func(l *slog.Logger) {
			l.Warn(hostile, "principal", hostile, "error", errors.New(hostile), slog.Group("g", "a", hostile))
		})
		if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
			t.Errorf("%v: lines of its own: %q", form, out)
		}
		for _, r := range strings.TrimSuffix(out, "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%v: it has %U: %q", form, r, out)
			}
		}
		if !strings.Contains(out, "forged") {
			t.Errorf("%v: the rest is lost: %q", form, out)
		}
	}
	if out := logged(t, false, func(l *slog.Logger) { l.Info("Zoë, 子, Ω, ½") }); !strings.Contains(out, "Zoë, 子, Ω, ½") {
		t.Errorf("names of people are changed: %q", out)
	}
}
