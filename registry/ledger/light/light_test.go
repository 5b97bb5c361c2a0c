package light_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/types"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

type elem = fr.Element

func open(t testing.TB, w *world, s light.Source, dir string) *light.Client {
	t.Helper()
	c, err := light.Open(light.Config{Genesis: w.genesis, Source: s, Dir: dir, Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func follow(t testing.TB, c *light.Client) {
	t.Helper()
	if err := c.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestClientFollows(t *testing.T) {
	w := grow(t)
	c := open(t, w, w, "")
	if _, err := c.Head(); !errors.Is(err, light.ErrNoHead) {
		t.Errorf("Head before Sync: %v", err)
	}
	follow(t, c)
	recs := c.Records(0)
	if len(recs) != 25 {
		t.Fatalf("%d records", len(recs))
	}
	newest, _ := c.Newest()
	if newest.Number != 2 || newest.Root != w.head().State.Root {
		t.Errorf("newest epoch %+v", newest)
	}
	authority := directory.AuthorityID(pub(registrarSeed))
	for i, s := range items(0, 25) {
		leaf := consent.Leaf(consent.KindConsent, authority, s.Commitment, s.Lock)
		r := recs[i]
		if r.Leaf != leaf || r.Lock != s.Lock || r.Index != uint64(i) || r.Revoked != (i == 3) || r.Live != (i != 3 && i < 23) {
			t.Errorf("record %d: %+v", i, r)
		}
		p, e, err := c.Path(uint64(i))
		if r.Live && (err != nil || e != newest || p.Root(leaf) != e.Root) {
			t.Errorf("path of %d: %v", i, err)
		}
		if !r.Live && !errors.Is(err, light.ErrNoLeaf) {
			t.Errorf("path of %d, which is not in the tree: %v", i, err)
		}
	}
	if v := c.Withdrawals(0); len(v) != 2 || v[1].V != field.Of("v", rs(2)) || len(c.Withdrawals(1)) != 1 || c.Withdrawals(2) != nil {
		t.Errorf("withdrawals %+v", v)
	}
	if e, replaced, ok := c.Epoch(1); !ok || replaced != newest.ClosedAt || e.Records != 20 {
		t.Errorf("epoch 1: %+v, replaced at %d", e, replaced)
	}
	if _, replaced, ok := c.Epoch(2); !ok || replaced != 0 {
		t.Errorf("the newest epoch was replaced at %d", replaced)
	}
	if _, _, ok := c.Epoch(3); ok {
		t.Error("an epoch that is still to come")
	}
	// A second client that follows step by step ends at the same place.
	slow := newWorld(t)
	d := open(t, slow, slow, "")
	for i := range uint64(30) {
		slow.block(4, slow.commit(i*3, 3))
		follow(t, d)
	}
	f := open(t, slow, slow, "")
	follow(t, f)
	for i := range uint64(90) {
		p1, _, err1 := d.Path(i)
		p2, _, err2 := f.Path(i)
		if (err1 == nil) != (err2 == nil) || err1 == nil && p1.Siblings[0] != p2.Siblings[0] {
			t.Errorf("leaf %d differs between a client that followed and one that came late", i)
		}
	}
}

func TestSameCallsWhoeverAsks(t *testing.T) {
	w := grow(t)
	for range 2 {
		c := open(t, w, w, "")
		follow(t, c)
		c.Path(5)
		c.Records(7)
	}
	if n := len(w.calls); n == 0 || n%2 != 0 {
		t.Fatalf("%d calls", n)
	}
	for i, a := range w.calls[:len(w.calls)/2] {
		if b := w.calls[len(w.calls)/2+i]; a != b {
			t.Errorf("call %d: %+v and %+v", i, a, b)
		}
	}
}

// liar changes an honest source's answers.
type liar struct {
	light.Source
	checkpoint func([]byte) []byte
	directory  func([]byte) []byte
	log        func(k journal.Kind, from uint64, entries [][]byte) [][]byte
	trail      func(above uint64, links [][]byte) [][]byte
}

func (l *liar) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	b, err := l.Source.Trail(ctx, above)
	if l.trail != nil {
		b = l.trail(above, b)
	}
	return b, err
}

func (l *liar) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := l.Source.Checkpoint(ctx)
	if l.checkpoint != nil {
		b = l.checkpoint(b)
	}
	return b, err
}

func (l *liar) Directory(ctx context.Context) ([]byte, error) {
	b, err := l.Source.Directory(ctx)
	if l.directory != nil {
		b = l.directory(b)
	}
	return b, err
}

func (l *liar) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	e, err := l.Source.Log(ctx, k, from, max)
	if l.log != nil {
		e = l.log(k, from, e)
	}
	return e, err
}

func TestAttack_LyingNode(t *testing.T) {
	w := grow(t)
	honest := w.head()
	is := func(h *directory.Head) func([]byte) []byte { return func([]byte) []byte { return h.Encode() } }
	state := honest.State
	state.Root = field.Uint(1)
	dir := *mustDirectory(t, w.dir)
	dir.Authorities = append([]directory.Authority(nil), dir.Authorities...)
	dir.Authorities[0].Roles |= directory.Issuer
	resigned := func(change func(*types.LightBlock)) func([]byte) []byte {
		lb := lightBlock(t, honest)
		change(lb)
		return is(encodeHead(t, lb, honest.State))
	}
	lastEntry := func(k journal.Kind, change func([]byte) []byte) func(journal.Kind, uint64, [][]byte) [][]byte {
		return func(got journal.Kind, _ uint64, entries [][]byte) [][]byte {
			if got == k && len(entries) > 0 {
				entries[len(entries)-1] = change(entries[len(entries)-1])
			}
			return entries
		}
	}
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	other := testGenesis()
	other.ChainID = "another"
	sameName := testGenesis()
	sameName.Directory.Parameters.Quota++
	for _, x := range []struct {
		name string
		lie  light.Lie
		liar liar
	}{
		{"half a checkpoint", light.Malformed, liar{checkpoint: func(b []byte) []byte { return b[:len(b)/2] }}},
		{"a checkpoint with a trailing byte", light.Malformed, liar{checkpoint: func(b []byte) []byte { return append(append([]byte(nil), b...), 0) }}},
		{"a header with an unknown field", light.Malformed, liar{checkpoint: func([]byte) []byte {
			h := *honest
			h.SignedHeader = append(append([]byte(nil), h.SignedHeader...), 0x98, 0x06, 0x01)
			return h.Encode()
		}}},
		{"a header without commit", light.Malformed, liar{checkpoint: resigned(func(lb *types.LightBlock) { lb.Commit = nil })}},
		{"another chain's head", light.OtherChain, liar{checkpoint: is(sign(t, other, withGenesis(honest.State, other), honest.Height, w.time, validatorSeed))}},
		{"a head of the same chain id and another genesis", light.OtherChain, liar{checkpoint: is(sign(t, sameName, withGenesis(honest.State, sameName), honest.Height, w.time, validatorSeed))}},
		{"a header signed by other validators", light.ForeignValidators, liar{checkpoint: is(sign(t, w.genesis, state, honest.Height, w.time, 66, 67))}},
		{"the validators' names under another's signature", light.BadSignatures, liar{checkpoint: is(forgeSignature(t, w, state))}},
		{"a header changed after it was signed", light.BadSignatures, liar{checkpoint: resigned(func(lb *types.LightBlock) { lb.Header.Time = lb.Header.Time.Add(time.Second) })}},
		{"a header that nobody signed", light.BadSignatures, liar{checkpoint: resigned(func(lb *types.LightBlock) {
			lb.Commit.Signatures = []types.CommitSig{types.NewCommitSigAbsent()}
		})}},
		{"a forged root under a true header", light.ForgedState, liar{checkpoint: func([]byte) []byte { h := *honest; h.State = state; return h.Encode() }}},
		{"a height that is not the header's", light.ForgedState, liar{checkpoint: func([]byte) []byte { h := *honest; h.Height++; return h.Encode() }}},
		{"a time that is not the header's", light.ForgedState, liar{checkpoint: func([]byte) []byte { h := *honest; h.Time++; return h.Encode() }}},
		{"a directory with one more role", light.WrongDirectory, liar{directory: func([]byte) []byte { return dir.Encode() }}},
		{"no directory", light.WrongDirectory, liar{directory: func([]byte) []byte { return nil }}},
		{"records held back", light.TruncatedLog, liar{log: func(k journal.Kind, from uint64, e [][]byte) [][]byte {
			if k == journal.Records && from >= 10 {
				return nil
			}
			return e
		}}},
		{"withdrawals held back", light.TruncatedLog, liar{log: func(k journal.Kind, _ uint64, e [][]byte) [][]byte {
			if k == journal.Withdrawals {
				return nil
			}
			return e
		}}},
		{"a changed record", light.ForgedEntry, liar{log: lastEntry(journal.Records, flip)}},
		{"a changed withdrawal", light.ForgedEntry, liar{log: lastEntry(journal.Withdrawals, flip)}},
		{"a changed epoch", light.ForgedEntry, liar{log: lastEntry(journal.Epochs, flip)}},
		{"an entry cut short", light.ForgedEntry, liar{log: lastEntry(journal.Records, func(b []byte) []byte { return b[:1] })}},
		{"two records exchanged", light.ForgedEntry, liar{log: func(k journal.Kind, _ uint64, e [][]byte) [][]byte {
			if len(e) > 1 {
				e[0], e[1] = e[1], e[0]
			}
			return e
		}}},
		{"more than was asked for", light.Malformed, liar{log: func(_ journal.Kind, _ uint64, e [][]byte) [][]byte {
			for len(e) < 5000 {
				e = append(e, e[0])
			}
			return e
		}}},
		{"a giant entry", light.Malformed, liar{log: lastEntry(journal.Records, func([]byte) []byte { return make([]byte, 1<<20) })}},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.liar.Source = w
			c := open(t, w, &x.liar, "")
			wantLie(t, c.Sync(context.Background()), x.lie)
			if _, err := c.Head(); !errors.Is(err, light.ErrNoHead) {
				t.Error("the client believed it")
			}
			// An honest node heals it: nothing of the lie was kept.
			x.liar.checkpoint, x.liar.directory, x.liar.log = nil, nil, nil
			follow(t, c)
		})
	}
}

func wantLie(t testing.TB, err error, want light.Lie) {
	t.Helper()
	var e *light.LieError
	if !errors.As(err, &e) || e.Lie != want || !errors.Is(err, want) || e.Detail == "" {
		t.Fatalf("error %v, want the lie %q", err, string(want))
	}
}

func mustDirectory(t testing.TB, b []byte) *directory.Directory {
	t.Helper()
	d, err := directory.DecodeDirectory(b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func withGenesis(s directory.State, g *directory.Genesis) directory.State {
	s.Genesis = directory.GenesisHash(g)
	return s
}

// forgeSignature is a header that names the true validators and that somebody
// else signed.
func forgeSignature(t testing.TB, w *world, s directory.State) *directory.Head {
	mine := lightBlock(t, sign(t, w.genesis, s, w.height+1, w.time, validatorSeed))
	theirs := lightBlock(t, sign(t, w.genesis, s, w.height+1, w.time, 66))
	mine.Commit.Signatures[0].Signature = theirs.Commit.Signatures[0].Signature
	return encodeHead(t, mine, s)
}

func TestAttack_OldBackup(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	old, oldDir := w.checkpoint, w.dir
	w.block(1, w.commit(100, 1))
	follow(t, open(t, w, w, dir))
	w.checkpoint, w.dir = old, oldDir
	wantLie(t, open(t, w, w, dir).Sync(context.Background()), light.Backwards)
	// A client that keeps nothing cannot know.
	follow(t, open(t, w, w, ""))
}

// TestAttack_SlowClientLowersTheFloor has two clients keep what they verified
// in one place, as two commands of one user do. The one that a node holds back
// must not make the other's newer head forgotten.
func TestAttack_SlowClientLowersTheFloor(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	slow := open(t, w, w, dir)
	old, oldDir := w.checkpoint, w.dir
	w.block(1, w.commit(100, 1))
	follow(t, open(t, w, w, dir))
	newest, newestDir := w.checkpoint, w.dir
	w.checkpoint, w.dir = old, oldDir
	follow(t, slow) // it knows no better
	wantLie(t, open(t, w, w, dir).Sync(context.Background()), light.Backwards)
	w.checkpoint, w.dir = newest, newestDir
	if h, err := open(t, w, w, dir).Head(); err != nil || h.Height != w.height+1 {
		t.Errorf("the kept head is of height %d, want %d: %v", h.Height, w.height+1, err)
	}
}

func TestAttack_TwoStatesAtOneHeight(t *testing.T) {
	w := grow(t)
	c := open(t, w, w, "")
	follow(t, c)
	s := w.head().State
	s.History[0] ^= 1
	w.checkpoint = sign(t, w.genesis, s, w.height+1, w.time, validatorSeed).Encode()
	wantLie(t, c.Sync(context.Background()), light.Fork)
}

func TestAttack_ShorterLogAtGreaterHeight(t *testing.T) {
	w := grow(t)
	c := open(t, w, w, "")
	follow(t, c)
	s := w.head().State
	s.Withdrawals = directory.Log{}
	w.checkpoint = sign(t, w.genesis, s, w.height+2, w.time, validatorSeed).Encode()
	wantLie(t, c.Sync(context.Background()), light.Fork)
}

func TestAttack_RewrittenPast(t *testing.T) {
	// Two ledgers of one genesis: the validator signs both histories.
	a, b := newWorld(t), newWorld(t)
	a.block(1, a.commit(0, 5))
	b.block(1, b.commit(10, 5))
	c := open(t, a, a, "")
	follow(t, c)
	b.block(1, b.commit(20, 5))
	l := &liar{Source: b}
	d := open(t, a, l, "")
	follow(t, d)
	// The client of a is shown b's longer history.
	a.checkpoint, a.dir, a.state = b.checkpoint, b.dir, b.state
	wantLie(t, c.Sync(context.Background()), light.ForgedEntry)
}

func TestAttack_ValidatorsSignRootThatRecordsDoNotHave(t *testing.T) {
	w := grow(t)
	s := w.head().State
	entries, err := w.state.Log(context.Background(), journal.Epochs, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := directory.DecodeEpoch(entries[len(entries)-1])
	e.Root = field.Uint(42)
	entries[len(entries)-1] = e.Encode()
	acc := journal.NewAccumulator()
	for _, b := range entries {
		acc.Append(b)
	}
	s.Epochs, _ = acc.Log()
	s.Root = e.Root
	w.checkpoint = sign(t, w.genesis, s, w.height+1, w.time, validatorSeed).Encode()
	c := open(t, w, &liar{Source: w, log: func(k journal.Kind, from uint64, got [][]byte) [][]byte {
		if k == journal.Epochs {
			return entries[from:]
		}
		return got
	}}, "")
	wantLie(t, c.Sync(context.Background()), light.ForgedRoot)
	if _, _, err := c.Path(0); !errors.Is(err, light.ErrNoHead) {
		t.Errorf("a path under a forged root: %v", err)
	}
	wantLie(t, c.Sync(context.Background()), light.ForgedRoot)
}

func TestAttack_FrozenHead(t *testing.T) {
	w := grow(t)
	now := w.time
	c, err := light.Open(light.Config{Genesis: w.genesis, Source: w, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c)
	now = w.time.Add(60 * time.Second)
	if err := c.Fresh(); err != nil {
		t.Errorf("at its limit: %v", err)
	}
	now = w.time.Add(61 * time.Second)
	wantLie(t, c.Fresh(), light.StaleHead)
	wantLie(t, c.Sync(context.Background()), light.StaleHead)
	now = w.time.Add(-61 * time.Second)
	wantLie(t, c.Sync(context.Background()), light.FutureHead)
}

func TestCache(t *testing.T) {
	w := grow(t)
	dir := t.TempDir()
	follow(t, open(t, w, w, dir))
	w.calls = nil
	c := open(t, w, w, dir)
	if h, err := c.Head(); err != nil || h.State != w.head().State {
		t.Fatalf("a client opened on a cache stands at %+v, %v", h.Height, err)
	}
	if _, _, err := c.Path(1); err != nil {
		t.Error(err)
	}
	follow(t, c)
	if len(w.calls) != 0 {
		t.Errorf("entries were fetched again: %+v", w.calls)
	}
	w.block(10, w.commit(200, 3))
	follow(t, c)
	if len(w.calls) != 2 || w.calls[0].from != 26 {
		t.Errorf("calls for what is new: %+v", w.calls)
	}

	for _, name := range []string{"records", "withdrawals", "epochs", "directory"} {
		t.Run("damaged "+name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			c := open(t, w, w, dir)
			if _, err := c.Head(); !errors.Is(err, light.ErrNoHead) {
				t.Errorf("it was believed: %v", err)
			}
			follow(t, c)
			if h, err := open(t, w, w, dir).Head(); err != nil || h.Height != w.height+1 {
				t.Errorf("it was not repaired: %v", err)
			}
		})
	}
	t.Run("entries beyond the head", func(t *testing.T) {
		f, _ := os.OpenFile(filepath.Join(dir, "records"), os.O_WRONLY|os.O_APPEND, 0)
		f.Write([]byte{3, 1, 2, 3, 100, 1}) // a crash between log and head
		f.Close()
		if h, err := open(t, w, w, dir).Head(); err != nil || h.Height != w.height+1 {
			t.Errorf("%+v, %v", h.Height, err)
		}
	})
	t.Run("damaged head", func(t *testing.T) {
		file := filepath.Join(dir, "head")
		b, _ := os.ReadFile(file)
		b[len(b)/2] ^= 1
		os.WriteFile(file, b, 0o600)
		if _, err := light.Open(light.Config{Genesis: w.genesis, Source: w, Dir: dir, Clock: w.clock}); !errors.Is(err, light.ErrCache) {
			t.Errorf("the floor was forgotten without a word: %v", err)
		}
	})
}

func TestSubmitRefusesUnreadableResult(t *testing.T) {
	w := grow(t)
	c := open(t, w, badResult{w}, "")
	_, err := c.Submit(context.Background(), &transaction.Transaction{})
	wantLie(t, err, light.Malformed)
}

// TestAttack_ResultWithoutItems has a node that says "executed" and keeps what
// became of the items to itself: who counts refusals would count none.
func TestAttack_ResultWithoutItems(t *testing.T) {
	w := grow(t)
	c := open(t, w, w, "") // its results have no items
	send := func(k transaction.Kind, payload []byte) error {
		_, err := c.Submit(context.Background(), &transaction.Transaction{Kind: k, Payload: payload})
		return err
	}
	wantLie(t, send(transaction.CommitConsents, transaction.SealedPayload(items(0, 2))), light.Malformed)
	wantLie(t, send(transaction.CommitCredentials, transaction.SealedPayload(items(0, 1))), light.Malformed)
	wantLie(t, send(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(1))})), light.Malformed)
	wantLie(t, send(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 1}})), light.Malformed)
	if err := send(transaction.SetAuthority, []byte("record")); err != nil {
		t.Errorf("a transaction without items: %v", err)
	}
}

type badResult struct{ light.Source }

func (badResult) Submit(context.Context, []byte) ([]byte, error) { return []byte("done"), nil }

func FuzzVerifyHead(f *testing.F) {
	w := grow(f)
	f.Add(w.checkpoint)
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whatever verifies is the one head that was signed: nobody here has
		// the validator's key.
		if h, err := light.VerifyHead(w.genesis, b); err == nil && string(h.Encode()) != string(w.checkpoint) {
			if h.State != w.head().State || h.Height != w.head().Height {
				t.Fatal("a forged head verified")
			}
		}
	})
}
