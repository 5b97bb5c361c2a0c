package light_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

func evidence(t testing.TB, c *light.Client) []light.Evidence {
	t.Helper()
	l, err := c.Lies()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// rival is a ledger that the validators of another one signed as well: at
// their newest height it has another state.
func rival(t testing.TB, w *world) *directory.Head {
	s := w.head().State
	s.History[0] ^= 1
	return sign(t, w.genesis, s, w.height+1, w.time, w.signers...)
}

// TestAttack_ForkLeavesProof: two headers of one height stay with the client,
// and convince anybody who has the genesis.
func TestAttack_ForkLeavesProof(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	l := &liar{Source: w}
	c := open(t, w, l, dir)
	follow(t, c)
	if n := len(evidence(t, c)); n != 0 {
		t.Fatalf("%d lies of an honest node", n)
	}
	other := rival(t, w)
	l.checkpoint = func([]byte) []byte { return other.Encode() }
	err := c.Sync(context.Background())
	wantLie(t, err, light.Fork)
	if !strings.Contains(err.Error(), "the node showed") {
		t.Errorf("nobody is named: %v", err)
	}
	c.Sync(context.Background()) // told again, kept once
	got := evidence(t, open(t, w, w, dir))
	if len(got) != 1 || got[0].Lie != light.Fork || got[0].Source != "the node" || got[0].Detail == "" || got[0].Time != uint64(w.clock().Unix()) {
		t.Fatalf("%+v", got)
	}
	heads := map[[32]byte]bool{}
	for _, x := range got[0].Shown {
		h, err := light.VerifyHead(w.genesis, x.Bytes)
		if err != nil || x.Size != len(x.Bytes) || h.Height != w.height+1 {
			t.Fatalf("%d bytes: %v", x.Size, err)
		}
		heads[h.State.Digest()] = true
	}
	if len(heads) != 2 {
		t.Errorf("%d states, want both", len(heads))
	}
}

// TestAttack_EvidenceFlooded: a node that was caught forking tells other lies
// until its old one is forgotten.
func TestAttack_EvidenceFlooded(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	now := w.clock()
	l := &liar{Source: w}
	c, err := light.Open(light.Config{Genesis: w.genesis, Source: l, Dir: dir, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c)
	other := rival(t, w)
	l.checkpoint = func([]byte) []byte { return other.Encode() }
	wantLie(t, c.Sync(context.Background()), light.Fork)
	for i := range byte(150) {
		now = now.Add(time.Millisecond * 200)
		l.checkpoint = func([]byte) []byte { return []byte{i} }
		wantLie(t, c.Sync(context.Background()), light.Malformed)
	}
	files, err := os.ReadDir(filepath.Join(dir, "lies"))
	if err != nil || len(files) != light.MaxEvidence {
		t.Fatalf("%d files, %v", len(files), err)
	}
	forks, newest := 0, false
	for _, e := range evidence(t, c) {
		if e.Lie == light.Fork {
			forks++
		}
		newest = newest || len(e.Shown) == 1 && bytes.Equal(e.Shown[0].Bytes, []byte{149})
	}
	if forks != 1 || !newest {
		t.Errorf("%d forks are kept; the newest lie is there: %v", forks, newest)
	}
	// A giant lie is cut.
	l.checkpoint = func([]byte) []byte { return make([]byte, 8<<20) }
	wantLie(t, c.Sync(context.Background()), light.Malformed)
	found := false
	for _, e := range evidence(t, c) {
		for _, x := range e.Shown {
			found = found || x.Size == 8<<20 && len(x.Bytes) == 2<<20
		}
	}
	if !found {
		t.Error("the giant lie is not there, or whole")
	}
	// A damaged file hides no other.
	name := filepath.Join(dir, "lies", files[0].Name())
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := c.Lies(); err == nil || len(l) != light.MaxEvidence-1 {
		t.Errorf("%d lies, %v", len(l), err)
	}
}

// TestEvidenceThatCannotBeKept is reported beside the lie, not instead of it.
func TestEvidenceThatCannotBeKept(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	c := open(t, w, &liar{Source: w, checkpoint: func([]byte) []byte { return nil }}, dir)
	if err := os.WriteFile(filepath.Join(dir, "lies"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := c.Sync(context.Background())
	var p *os.PathError
	if !errors.Is(err, light.Malformed) || !errors.As(err, &p) {
		t.Errorf("%v", err)
	}
}
