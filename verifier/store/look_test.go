package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLookChangesNothing(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "v.db")
	s, err := Open(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{true, false} { // beside a process that has it, and alone
		l, err := LookAt(ctx, path)
		if err != nil || l.Schema != l.Newest || l.Newest < 1 {
			t.Errorf("open %v: %+v %v", open, l, err)
		}
		if open {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LookAt(ctx, other); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if b, err := os.ReadFile(other); err != nil || len(b) != 0 {
		t.Errorf("%d bytes were written: %v", len(b), err)
	}
}
