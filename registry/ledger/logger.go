package ledger

import (
	"log/slog"

	"github.com/cometbft/cometbft/libs/log"
)

// logger hands CometBFT's log to slog. Its Info is our Debug: it speaks of
// every block. With no slog logger it is silent.
type logger struct{ l *slog.Logger }

func newLogger(l *slog.Logger) log.Logger {
	if l == nil {
		return log.NewNopLogger()
	}
	return logger{l.With("component", "cometbft")}
}

func (l logger) Debug(string, ...any)        {}
func (l logger) Info(msg string, kv ...any)  { l.l.Debug(msg, kv...) }
func (l logger) Warn(msg string, kv ...any)  { l.l.Warn(msg, kv...) }
func (l logger) Error(msg string, kv ...any) { l.l.Error(msg, kv...) }
func (l logger) With(kv ...any) log.Logger   { return logger{l.l.With(kv...)} }
