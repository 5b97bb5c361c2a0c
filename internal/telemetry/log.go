package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// redacted stands in a log line for what does not belong there.
const redacted = "REDACTED"

// maxText bounds a text of a log line in bytes.
const maxText = 2048

// maxGroups bounds how deep a value of groups goes.
const maxGroups = 4

// secret are parts of names of attributes whose values are left out, whatever
// they are.
func secret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"secret", "password", "passphrase", "authorization", "bearer", "token", "cookie", "dsn", "witness", "nullifier", "mnemonic", "seed", "salt", "privatekey", "private_key", "challenge", "pseudonym"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func newLogger(c Config) *slog.Logger {
	w := c.Log
	if w == nil {
		w = io.Discard
	}
	o := &slog.HandlerOptions{Level: c.Level}
	var h slog.Handler = slog.NewJSONHandler(w, o)
	if c.Text {
		h = slog.NewTextHandler(w, o)
	}
	return slog.New(plain{h})
}

// plain is a handler that logs texts, numbers, times and errors, and nothing
// of another type: what a struct holds in ten years, nobody knows today. It
// adds the trace of the call.
type plain struct{ slog.Handler }

func (h plain) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, text(r.Message), r.PC)
	if id := TraceID(ctx); id != "" {
		clean.AddAttrs(slog.String("trace", id))
	}
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleaned(a, 0))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h plain) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleaned(a, 0)
	}
	return plain{h.Handler.WithAttrs(clean)}
}

func (h plain) WithGroup(name string) slog.Handler { return plain{h.Handler.WithGroup(name)} }

func cleaned(a slog.Attr, depth int) slog.Attr {
	if secret(a.Key) {
		return slog.String(a.Key, redacted)
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, text(v.String()))
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindTime:
		return slog.Attr{Key: a.Key, Value: v}
	case slog.KindDuration:
		return slog.Float64(a.Key, v.Duration().Seconds())
	case slog.KindGroup:
		if depth == maxGroups {
			return slog.String(a.Key, redacted)
		}
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, g := range group {
			clean[i] = cleaned(g, depth+1)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	}
	switch x := v.Any().(type) {
	case nil:
		return slog.Any(a.Key, nil)
	case error:
		return slog.String(a.Key, text(x.Error()))
	case []string:
		return slog.String(a.Key, text(strings.Join(x, " ")))
	case time.Time:
		return slog.Time(a.Key, x)
	}
	return slog.String(a.Key, fmt.Sprintf("%s %T", redacted, v.Any()))
}

// text is a text of bounded length in valid UTF-8, of characters that a terminal
// shows as they are and in their order. What a form of lines escapes by itself,
// such as the end of a line, is left to it.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r >= 0x7f && (r < 0xa0 || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}
