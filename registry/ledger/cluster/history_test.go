package cluster_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A history is what concurrent clients called and were told, on the time of
// one clock that never runs backwards.
type history struct {
	genesis *directory.Genesis
	nodes   []light.Source
	began   time.Time

	mu      sync.Mutex
	ops     []porcupine.Operation
	indexes map[uint64]uint64 // of the locks that somebody saw in the record log
	height  uint64            // the newest that a result told of
	unknown int
	faults  []error
}

// never is the return of what may not have happened at all.
const never = math.MaxInt64

func newHistory(g *directory.Genesis, nodes ...light.Source) *history {
	return &history{genesis: g, nodes: nodes, began: time.Now(), indexes: map[uint64]uint64{}}
}

// sharer is the authority of all clients: it commits, and is a member of the
// shared scope.
func sharer() ed25519.PrivateKey { return key(2) }

func withSharer(g *directory.Genesis) {
	a := authority(sharer(), "sharer", directory.Registrar|directory.Verifier)
	g.Directory.Authorities = append(g.Directory.Authorities, a)
	g.Directory.Scopes = append(g.Directory.Scopes, directory.Scope{Name: sharedScope, Members: []fr.Element{a.ID}})
}

// run lets clients call for a while and waits for their last answers.
func (h *history) run(clients int, long time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	var all sync.WaitGroup
	for i := range clients {
		c := &caller{h: h, number: i, rnd: rand.New(rand.NewPCG(uint64(i), 7))}
		all.Go(func() {
			for ctx.Err() == nil {
				c.call()
			}
		})
	}
	all.Go(func() { h.watch(ctx) })
	all.Wait()
}

// watch reads the record log and tells the callers what there is to revoke.
func (h *history) watch(ctx context.Context) {
	locks := map[fr.Element]uint64{}
	known, from := uint64(0), uint64(0)
	for i := 0; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for ; known < h.newest()+2*contended; known++ {
			locks[consent.Lock(numbered("test-rs", known))] = known
		}
		call, cancel := context.WithTimeout(ctx, time.Second)
		entries, err := h.nodes[i%len(h.nodes)].Log(call, journal.Records, from, 4096)
		cancel()
		if err != nil {
			i++
			continue
		}
		h.mu.Lock()
		for _, e := range entries {
			r, err := journal.DecodeRecord(e)
			if n, ok := locks[r.Lock]; ok && err == nil && !r.Revoked {
				h.indexes[n] = r.Index
			}
		}
		h.mu.Unlock()
		from += uint64(len(entries))
	}
}

// contended is how many numbers are called for at one time. They move on, so
// that some are always new.
const contended = 6

func (h *history) newest() uint64 { return uint64(time.Since(h.began) / (400 * time.Millisecond)) }

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// A caller sends transactions of one to three items.
type caller struct {
	h      *history
	number int
	rnd    *rand.Rand
	sent   uint64
}

func (c *caller) call() {
	c.sent++
	nonce := uint64(c.number)<<32 | c.sent
	numbers := map[uint64]bool{}
	for range 1 + c.rnd.IntN(3) {
		numbers[c.h.newest()+c.rnd.Uint64N(contended)] = true
	}
	t := &transaction.Transaction{Genesis: directory.GenesisHash(c.h.genesis), Nonce: nonce}
	ops := c.fill(t, slices.Sorted(maps.Keys(numbers)))
	if len(ops) == 0 {
		return
	}
	c.h.mu.Lock()
	t.Expiry = c.h.height + 500
	c.h.mu.Unlock()
	t.Sign(directory.AuthorityID(sharer().Public().(ed25519.PublicKey)), sharer())
	begun := c.h.now()
	r, err := c.submit(t)
	ended := c.h.now()
	c.h.note(c.number, ops, begun, ended, r, err)
}

// fill draws what to do with the numbers, and tells it operation by operation.
func (c *caller) fill(t *transaction.Transaction, numbers []uint64) (ops []operation) {
	add := func(what string, n uint64) { ops = append(ops, operation{fmt.Sprintf("%s %d", what, n), t.Kind}) }
	switch c.rnd.IntN(5) {
	case 0, 1:
		t.Kind = transaction.CommitConsents
		var items []consent.Sealed
		for i, n := range numbers {
			items = append(items, consent.Sealed{Commitment: numbered("test-try", t.Nonce<<2|uint64(i)), Lock: consent.Lock(numbered("test-rs", n))})
			add("lock", n)
		}
		t.Payload = transaction.SealedPayload(items)
	case 2:
		t.Kind = transaction.Revoke
		var items []transaction.Revocation
		for _, n := range numbers {
			c.h.mu.Lock()
			index, ok := c.h.indexes[n]
			c.h.mu.Unlock()
			if ok {
				items = append(items, transaction.Revocation{Index: index, RS: numbered("test-rs", n)})
				add("lock", n)
			}
		}
		t.Payload = transaction.RevocationPayload(items)
	case 3:
		t.Kind = transaction.Withdraw
		var items []fr.Element
		for _, n := range numbers {
			items = append(items, numbered("test-v", n))
			add("secret", n)
		}
		t.Payload = transaction.WithdrawalPayload(items)
	case 4:
		t.Kind = transaction.Spend
		var items []transaction.Spending
		for _, n := range numbers {
			items = append(items, transaction.Spending{Scope: directory.ScopeID(sharedScope), Nullifier: numbered("test-nullifier", n), Digest: presented(t.Nonce, int(n))})
			add("nullifier", n)
		}
		t.Payload = transaction.SpendPayload(items)
	}
	return ops
}

// submit asks one node, and as often as not a second one when the first gives
// no answer.
func (c *caller) submit(t *transaction.Transaction) (r *transaction.Result, err error) {
	at := c.rnd.IntN(len(c.h.nodes))
	for try := 0; ; try++ {
		l, err := light.Open(light.Config{Genesis: c.h.genesis, Source: c.h.nodes[(at+try)%len(c.h.nodes)]})
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		r, err = l.Submit(ctx, t)
		cancel()
		if err == nil || try == 1 || c.rnd.IntN(2) == 0 {
			return r, err
		}
	}
}

// note keeps what a client was told. A transaction that was executed before is
// done by now, with an outcome that nobody told; one without an answer may
// still be done, or never.
func (h *history) note(client int, ops []operation, begun, ended int64, r *transaction.Result, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case errors.As(err, new(*light.LieError)):
		h.faults = append(h.faults, err)
		return
	case err != nil:
		ended = never
		h.unknown += len(ops)
	case r.Code == transaction.Repeated:
		h.unknown += len(ops)
	case r.Code != transaction.Executed:
		h.faults = append(h.faults, r.Refused())
		return
	}
	for i, op := range ops {
		o := porcupine.Operation{ClientId: client, Input: op, Call: begun, Return: ended}
		var told outcome
		if err == nil && r.Code == transaction.Executed {
			told = outcome{r.Items[i], true}
			h.height = max(h.height, r.Height)
		}
		o.Output = told
		h.ops = append(h.ops, o)
	}
}

// met says whether clients were told that others had been first, to commit, to
// revoke, to withdraw and to spend.
func (h *history) met() bool {
	told := map[transaction.ItemCode]bool{}
	for _, o := range h.ops {
		if o := o.Output.(outcome); o.known {
			told[o.code] = true
		}
	}
	return told[transaction.Accepted] && told[transaction.DuplicateLock] && told[transaction.AlreadyRevoked] && told[transaction.RepeatedSecret] && told[transaction.AlreadySpent]
}

// check holds the history against the model, and counts and shows the keys on
// which no order explains it.
func (h *history) check(t *testing.T) (wrong int) {
	t.Helper()
	for _, err := range h.faults {
		t.Error(err)
	}
	if !h.met() {
		t.Errorf("no two clients met in %d operations: the test shows nothing", len(h.ops))
	}
	for _, part := range model().Partition(h.ops) {
		if r := porcupine.CheckOperationsTimeout(model(), part, 20*time.Second); r != porcupine.Ok {
			wrong++
			t.Errorf("%s: %v", part[0].Input.(operation).key, r)
			for _, o := range part {
				t.Logf("client %d, %d to %d: %v %v", o.ClientId, o.Call, o.Return, o.Input, o.Output)
			}
		}
	}
	return wrong
}
