package verifier

import (
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

func rootOf(entries [][]byte) (root [32]byte) {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r := f.NewEmptyRange(0)
	for _, e := range entries {
		r.Append(rfc6962.DefaultHasher.HashLeaf(e), nil)
	}
	h, _ := r.GetRootHash(nil)
	if len(entries) == 0 {
		h = rfc6962.DefaultHasher.EmptyRoot()
	}
	return [32]byte(h)
}

func TestLogProvesEachEntryAtEachSize(t *testing.T) {
	l := newTreeLog(true)
	var all [][]byte
	for size := range 35 {
		if size%3 == 0 { // three at a time, and nothing at first
			if err := l.extend(all[l.size():], rootOf(all)); err != nil {
				t.Fatal(err)
			}
			for n := uint64(1); n <= l.size(); n++ {
				for i := range n {
					path, err := l.inclusion(i, n)
					if err != nil {
						t.Fatal(err)
					}
					if err := checkInclusion(all[i], i, n, path, rootOf(all[:n])); err != nil {
						t.Fatalf("entry %d of %d: %v", i, n, err)
					}
					if err := checkInclusion(all[i], i^1, n, path, rootOf(all[:n])); err == nil && n > 1 {
						t.Fatalf("entry %d of %d at another index", i, n)
					}
				}
			}
		}
		all = append(all, []byte{byte(size), 7})
	}
}

func TestLogStaysAsItWasAfterAFalseRoot(t *testing.T) {
	l := newTreeLog(true)
	if err := l.extend([][]byte{{1}, {2}}, rootOf([][]byte{{1}, {2}})); err != nil {
		t.Fatal(err)
	}
	if err := l.extend([][]byte{{9}}, rootOf([][]byte{{1}, {2}, {3}})); !errors.Is(err, ErrSource) {
		t.Fatalf("%v", err)
	}
	if err := l.extend([][]byte{{3}}, rootOf([][]byte{{1}, {2}, {3}})); err != nil {
		t.Fatalf("the false entry stayed: %v", err)
	}
}

// list is a root source of withdrawals alone.
type list []Withdrawal

func (list) Head(context.Context) (*directory.Head, *directory.Directory, error) {
	return nil, nil, errors.New("no head")
}
func (list) Epochs(context.Context, uint64, uint64) ([]directory.Epoch, error) { return nil, nil }
func (l list) Withdrawals(_ context.Context, from, to uint64) ([]Withdrawal, error) {
	return l[from:to], nil
}

func (l list) root() [32]byte {
	var raw [][]byte
	for _, e := range l {
		v := e.V.Bytes()
		raw = append(raw, binary.BigEndian.AppendUint64(v[:], e.At))
	}
	return rootOf(raw)
}

func TestWatchTagsAreFoundWithinAnyBound(t *testing.T) {
	ctx := context.Background()
	var log list
	for i := range uint64(20) {
		log = append(log, Withdrawal{V: field.Uint(i + 1), At: 1000 + i})
	}
	for _, limit := range []int{1, 10, 30, 1000} { // none fits, half, one scope, all
		w := newWithdrawals(limit)
		for _, n := range []uint64{0, 5, 12, 20} {
			if err := w.extend(ctx, log, n, log[:n].root()); err != nil {
				t.Fatal(err)
			}
			for scope := range uint64(4) {
				for i := range uint64(20) {
					tag := consent.Watch(consent.WithdrawalKey(field.Uint(i+1)), field.Uint(scope))
					for _, stable := range []bool{true, false} {
						m, found, err := w.find(ctx, field.Uint(scope), tag, stable)
						if err != nil || found != (i < n) || found && m != (met{i, 1000 + i}) {
							t.Fatalf("limit %d, %d entries, scope %d, entry %d, stable %v: %d, %v, %v", limit, n, scope, i, stable, m, found, err)
						}
					}
					if _, found, _ := w.find(ctx, field.Uint(scope+1), tag, true); found {
						t.Fatal("a tag was found in another scope")
					}
				}
			}
			total := 0
			for _, s := range w.scopes {
				total += len(s.first)
			}
			if total > max(limit, int(n)) || w.counted > max(limit, int(n)) {
				t.Fatalf("limit %d: %d tags, counted %d", limit, total, w.counted)
			}
		}
	}
}

func TestWatchSearchHonoursContext(t *testing.T) {
	w := newWithdrawals(1000)
	log := list{{V: field.Uint(1), At: 1}}
	if err := w.extend(context.Background(), log, 1, log.root()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, stable := range []bool{true, false} {
		if _, _, err := w.find(ctx, field.Uint(3), fr.Element{}, stable); !errors.Is(err, context.Canceled) {
			t.Errorf("stable %v: %v", stable, err)
		}
	}
	if err := newWithdrawals(10).extend(ctx, log, 1, log.root()); !errors.Is(err, context.Canceled) {
		t.Errorf("extend: %v", err)
	}
}

func TestPreparedStatementIsTheRequests(t *testing.T) {
	for _, c := range consent.Circuits()[1:] {
		for _, rule := range []consent.Rule{consent.Once, consent.Pseudonym, consent.None} {
			r := &consent.Request{
				ID: [16]byte{1}, Signer: field.Uint(4), Circuit: c, Purpose: 1, Accepted: 2, Categories: 3, QFrom: 4, QTo: 5, Issued: 6, Until: 7,
				Policy: "text", Rule: rule, Context: "c", Opened: 8, MaxRootAge: 9,
				Trust: consent.TrustList{Name: "l", Authorities: []fr.Element{field.Uint(5)}},
			}
			if c.ProvesCredential() {
				r.Schema = []byte("schema")
			}
			for i := range c.Ranges() {
				r.Ranges = append(r.Ranges, consent.RangeQuestion{Range: consent.Range{Mask: 1 << i, Lo: 2, Hi: 3}})
			}
			for i := range c.Sets() {
				r.Sets = append(r.Sets, consent.SetQuestion{Mask: 1 << i, Set: consent.ValueSet{Intervals: []consent.Interval{{Lo: 1, Hi: 2}}}})
			}
			for i := range c.Links() {
				r.Links = append(r.Links, consent.Link{On: true, Offset: uint8(i)})
			}
			shown := consent.Presented{Epoch: 9, Root: field.Uint(10), Nullifier: field.Uint(11), Watch: field.Uint(12), Rk: [32]byte{13}, RkX: field.Uint(14), RkY: field.Uint(15)}
			want, err := r.Statement(shown)
			if err != nil {
				t.Fatal(err)
			}
			asked := &consent.SignedRequest{Request: r, Signature: make([]byte, 64)}
			p, err := new(preparedSet).prepare(asked, asked.Encode())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second one of the same prepared request
				if got := p.with(shown); !reflect.DeepEqual(got, want) {
					t.Errorf("%s %s: %+v, want %+v", c, rule, got, want)
				}
				p.with(consent.Presented{Root: field.Uint(99)})
			}
		}
	}
}

func TestPreparedRequestsAreBounded(t *testing.T) {
	var s preparedSet
	for i := range 3 * maxPrepared {
		s.put(prepared{asked: &consent.SignedRequest{Request: &consent.Request{ID: [16]byte{byte(i), byte(i >> 8)}}}})
	}
	if len(s.byID) != maxPrepared {
		t.Fatalf("%d are kept", len(s.byID))
	}
	if s.get([16]byte{}, [32]byte{}) != nil || s.get([16]byte{191}, [32]byte{}) == nil || s.get([16]byte{191}, [32]byte{1}) != nil {
		t.Fatal("not the last ones, or one for other bytes")
	}
}

// still is a node that stands still: it shows one head.
type still struct {
	list
	head directory.Head
	dir  directory.Directory
}

func (s *still) Head(context.Context) (*directory.Head, *directory.Directory, error) {
	head := s.head
	return &head, &s.dir, nil
}

// TestAttack_ClockSetBack: a node stands still, and whoever holds it sets the
// clock of the verifier's machine back whenever the head would be too old. Time
// goes by all the same.
func TestAttack_ClockSetBack(t *testing.T) {
	src := &still{}
	src.dir.Parameters.MaxHeadAge = 600
	src.head = directory.Head{Height: 1, Time: 1_781_000_000}
	src.head.State.Directory, src.head.State.Epochs.Root, src.head.State.Withdrawals.Root = src.dir.Digest(), rootOf(nil), rootOf(nil)
	l := newLedgerView(&Config{Roots: src, Now: func() time.Time { return time.Unix(1_781_000_000, 0) }})
	var gone time.Duration
	l.since = func(time.Time) time.Duration { return gone }
	for _, c := range []struct {
		gone time.Duration
		want error
	}{{0, nil}, {600 * time.Second, nil}, {601 * time.Second, ErrStaleHead}, {24 * time.Hour, ErrStaleHead}} {
		gone = c.gone
		if _, err := l.look(context.Background()); !errors.Is(err, c.want) {
			t.Errorf("after %s: %v, want %v", c.gone, err, c.want)
		}
	}
	src.head.Height++
	if _, err := l.look(context.Background()); err != nil {
		t.Errorf("a new head: %v", err)
	}
}

// TestAttack_JunkMakesTheDirectoryBeHashed: a directory of megabytes is hashed
// once, not for each presentation.
func TestAttack_JunkMakesTheDirectoryBeHashed(t *testing.T) {
	src := &still{}
	src.dir.Parameters.MaxHeadAge = 600
	for range 1 << 10 {
		src.dir.Authorities = append(src.dir.Authorities, directory.Authority{Name: strings.Repeat("x", 100)})
	}
	src.head = directory.Head{Height: 1, Time: 1_781_000_000}
	src.head.State.Directory, src.head.State.Epochs.Root, src.head.State.Withdrawals.Root = src.dir.Digest(), rootOf(nil), rootOf(nil)
	l := newLedgerView(&Config{Roots: src, Now: func() time.Time { return time.Unix(1_781_000_000, 0) }})
	look := func() {
		if _, err := l.look(context.Background()); err != nil {
			t.Error(err)
		}
	}
	look()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		look()
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 100*uint64(len(src.dir.Encode()))/2 {
		t.Errorf("100 looks took %d bytes, the directory has %d", took, len(src.dir.Encode()))
	}
	// Another one of the same head is another matter.
	other := src.dir
	other.Parameters.MaxHeadAge++
	fake := &still{head: src.head, dir: other}
	l.src = fake
	if _, err := l.look(context.Background()); !errors.Is(err, ErrSource) {
		t.Errorf("a directory that is not the head's: %v", err)
	}
}

// TestAttack_ManyRequestsAreHashedAnew: a stranger who was asked by one policy
// more often than requests are kept ready sends junk for each in turn. The value
// sets, which are the policy's, are hashed once.
func TestAttack_ManyRequestsAreHashedAnew(t *testing.T) {
	var s preparedSet
	ask := func(n byte, sets ...consent.ValueSet) {
		r := &consent.Request{ID: [16]byte{n}, Circuit: consent.ClaimWide, Trust: consent.TrustList{Authorities: []fr.Element{field.Uint(7)}}}
		for _, v := range sets {
			r.Sets = append(r.Sets, consent.SetQuestion{Mask: consent.AllSlots, Set: v})
		}
		p, err := s.prepare(&consent.SignedRequest{Request: r}, []byte{n})
		if err != nil {
			t.Error(err)
			return
		}
		s.put(*p)
		want, err := r.Statement(consent.Presented{})
		if err != nil || !reflect.DeepEqual(p.statement, want) {
			t.Errorf("request %d has another statement: %v", n, err)
		}
	}
	one, other := consent.AnyValue(), consent.ValueSet{Intervals: []consent.Interval{{Lo: 1, Hi: 2}}}
	var group sync.WaitGroup
	for n := range byte(3 * maxPrepared) {
		group.Go(func() { ask(n, one, other) })
	}
	group.Wait()
	if s.hashed != 1 || len(s.byID) != maxPrepared {
		t.Errorf("hashed %d times, %d requests are kept ready", s.hashed, len(s.byID))
	}
	ask(0, other, one)
	ask(0, one)
	if s.hashed != 3 {
		t.Errorf("other trees: hashed %d times", s.hashed)
	}
	for n := range uint64(2 * maxRooted) {
		ask(0, consent.ValueSet{Intervals: []consent.Interval{{Lo: n, Hi: n}}})
	}
	if len(s.trees) != maxRooted {
		t.Errorf("%d roots are kept", len(s.trees))
	}
}
