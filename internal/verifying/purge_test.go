package verifying_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/verifier"
)

// TestWhatMayNotBeKeptGoes by itself, and the log names nothing of it.
func TestWhatMayNotBeKeptGoes(t *testing.T) {
	w := newWorld(t)
	d := w.open(func(c *verifying.Config) { c.PurgeEvery = 20 * time.Millisecond })
	made := d.ask()
	id := unhex(t, made.Id)
	w.eventually("a purge", func() bool { return strings.Contains(d.log.String(), "purged answers") })
	if _, err := d.store.Request(w.ctx, id); err != nil {
		t.Errorf("before its time: %v", err)
	}
	d.ahead.Store(int64(2 * time.Hour))
	w.eventually("the request's end", func() bool {
		_, err := d.store.Request(w.ctx, id)
		return errors.Is(err, verifier.ErrNotFound)
	})
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, made.Id) || strings.Contains(line, "claims 2026") {
			t.Errorf("the log names it: %s", line)
		}
	}
}
