package registry

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// trouble keeps the first damage that the store met, on whatever goroutine it
// did: its own default is to end the process from there.
type trouble struct {
	log   *slog.Logger
	first atomic.Pointer[DamageError]
	met   chan struct{} // closed when first is set
}

func newTrouble(l *slog.Logger) *trouble { return &trouble{log: l, met: make(chan struct{})} }

// retryAfter is how long the store waits before it tries again what failed in
// its background. Left alone it tries without a pause, as on a full disk, where
// each of its tries fails.
const retryAfter = 50 * time.Millisecond

func (t *trouble) listener() *pebble.EventListener {
	return &pebble.EventListener{
		DataCorruption: func(i pebble.DataCorruptionInfo) { t.note(i.Path, i.Details) },
		BackgroundError: func(err error) {
			t.note("store", err)
			time.Sleep(retryAfter)
		},
	}
}

func (t *trouble) note(where string, err error) {
	e := &DamageError{Where: where, Reason: fmt.Sprint(err)}
	if !t.first.CompareAndSwap(nil, e) {
		return
	}
	close(t.met)
	if t.log != nil {
		t.log.Error("registry store is damaged", "where", where, "err", err)
	}
}

// err is the damage, nil for none.
func (t *trouble) err() error {
	if e := t.first.Load(); e != nil {
		return e
	}
	return nil
}

// storeLogger keeps the store quiet, and turns its fatal errors, after which
// it must not go on, into a panic instead of an exit of the process.
type storeLogger struct{ l *slog.Logger }

func (storeLogger) Infof(string, ...any) {}

func (s storeLogger) Errorf(format string, args ...any) {
	if s.l != nil {
		s.l.Error("registry store", "err", fmt.Sprintf(format, args...))
	}
}

func (storeLogger) Fatalf(format string, args ...any) {
	panic("registry: store: " + fmt.Sprintf(format, args...))
}
