package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// every is the interval of snapshots: one comes within the story, and the next
// ones so late that nobody loses the one that is being fetched.
const every = 10

// A consortium is validators of one ledger, and who is theirs.
type consortium struct {
	t       *testing.T
	genesis *directory.Genesis
	homes   []ledger.Home
	keys    []ed25519.PublicKey
	listen  []string
	nodes   []*ledger.Node
	nonce   uint64
}

func newConsortium(t *testing.T, n int, change ...func(*directory.Genesis)) *consortium {
	t.Helper()
	c := &consortium{t: t}
	for range n {
		home := ledger.Home(t.TempDir())
		k, err := home.Create()
		if err != nil {
			t.Fatal(err)
		}
		c.homes, c.keys, c.listen = append(c.homes, home), append(c.keys, k), append(c.listen, "tcp://"+freePort(t))
	}
	c.genesis = newGenesis(c.keys, time.Now(), append([]func(*directory.Genesis){func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 3 }}, change...)...)
	for i, home := range c.homes {
		if err := home.WriteGenesis(c.genesis); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, c.start(i))
	}
	return c
}

func (c *consortium) peers() (out []string) {
	for _, n := range c.nodes {
		if n != nil {
			out = append(out, n.Address())
		}
	}
	return out
}

func (c *consortium) start(i int, join ...ledger.Member) *ledger.Node {
	c.t.Helper()
	n, err := ledger.Start(context.Background(), c.homes[i], &ledger.Options{Listen: c.listen[i], Peers: c.peers(), SnapshotInterval: every, Join: join})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { n.Stop() })
	return n
}

func (c *consortium) submit(ctx context.Context, k transaction.Kind, payload []byte) {
	c.t.Helper()
	c.nonce++
	x := &transaction.Transaction{Genesis: directory.GenesisHash(c.genesis), Expiry: 900, Nonce: c.nonce, Kind: k, Payload: payload}
	x.Sign(hospital.ID, key(1))
	b, err := c.nodes[0].Submit(ctx, x.Encode())
	if err != nil {
		c.t.Fatal(err)
	}
	if r, err := transaction.DecodeResult(b); err != nil || r.Code != transaction.Executed || r.Items[0] != 0 {
		c.t.Fatalf("%+v, %v", r, err)
	}
}

// story commits, revokes and withdraws over several epochs.
func (c *consortium) story(ctx context.Context) {
	for i := range uint64(4) {
		c.submit(ctx, transaction.CommitConsents, transaction.SealedPayload(sealed(100*i, 40)))
		c.submit(ctx, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 40 * i, RS: field.Of("test-rs", number(100*i))}}))
		c.submit(ctx, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{field.Uint(1 + i)}))
	}
}

// long bounds what takes seconds, and much longer on a busy machine.
func long(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// await waits for something that blocks bring.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func height(n *ledger.Node) uint64 {
	v, err := n.View()
	if err != nil {
		return 0
	}
	return v.Height
}

// sameLedger holds a node that joined against one that executed every block.
func sameLedger(t *testing.T, joined, old *ledger.Node, g *directory.Genesis) {
	t.Helper()
	ctx := long(t)
	if err := joined.CheckState(ctx); err != nil {
		t.Error(err)
	}
	from := height(joined)
	await(t, "both have a block", func() bool { return joined.AppHash(from+1) != nil && old.AppHash(from+1) != nil })
	if a, b := joined.AppHash(from+1), old.AppHash(from+1); !bytes.Equal(a, b) {
		t.Errorf("the state after block %d is another one", from)
	}
	c := client(t, g, joined, "")
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for _, k := range journal.Kinds() {
		a, err1 := joined.Log(ctx, k, 0, 4096)
		b, err2 := old.Log(ctx, k, 0, len(a))
		if err1 != nil || err2 != nil || len(a) != len(b) {
			t.Fatal(err1, err2)
		}
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Errorf("entry %d of %v is another one", i, k)
			}
		}
	}
}

// TestMembersJoinBySnapshot runs four validators through several epochs. A new
// node joins them by a snapshot, although two of the three who serve it
// corrupt every chunk; beside it a validator that lost all but its keys joins again and
// signs. Both stand where the others do, and start again from their disks.
func TestMembersJoinBySnapshot(t *testing.T) {
	c := newConsortium(t, 4)
	ctx := long(t)
	c.story(ctx)
	if c.nodes[3].Stop() != nil {
		t.Fatal("the fourth does not stop")
	}
	c.nodes[3] = nil
	if err := c.homes[3].Reset(); err != nil {
		t.Fatal(err)
	}
	var corrupted atomic.Int64
	for _, liar := range c.nodes[1:3] {
		liar.Corrupt(func(b []byte) []byte {
			corrupted.Add(1)
			b = bytes.Clone(b)
			b[len(b)-1] ^= 1
			return b
		})
	}
	newcomer := ledger.Home(t.TempDir())
	if _, err := newcomer.Create(); err != nil {
		t.Fatal(err)
	}
	if err := newcomer.WriteGenesis(c.genesis); err != nil {
		t.Fatal(err)
	}
	members := []ledger.Member{lyingMember{c.nodes[1]}, c.nodes[0], c.nodes[2]}
	var fifth, fourth *ledger.Node
	var errs [2]error
	var wg sync.WaitGroup
	fifthOptions := &ledger.Options{Listen: "tcp://" + freePort(t), Peers: c.peers(), SnapshotInterval: every, Join: members}
	fourthOptions := &ledger.Options{Listen: c.listen[3], Peers: c.peers(), SnapshotInterval: every, Join: members}
	wg.Go(func() { fifth, errs[0] = ledger.Start(ctx, newcomer, fifthOptions) })
	wg.Go(func() { fourth, errs[1] = ledger.Start(ctx, c.homes[3], fourthOptions) })
	wg.Wait()
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	t.Cleanup(func() { fourth.Stop(); fifth.Stop() })
	if corrupted.Load() == 0 {
		t.Error("nobody was asked who corrupts: the test shows nothing of it")
	}
	for _, n := range []*ledger.Node{fifth, fourth} {
		if n.AppHash(1) != nil {
			t.Error("a node that joined by a snapshot has the first block")
		}
		mine, err1 := n.Header(ctx, 1)
		theirs, err2 := c.nodes[0].Header(ctx, 1)
		if err1 != nil || err2 != nil || !bytes.Equal(mine, theirs) {
			t.Errorf("the light block of a height below the snapshot: %v, %v", err1, err2)
		}
		sameLedger(t, n, c.nodes[0], c.genesis)
	}
	nonce := uint64(9000)
	await(t, "the fourth signs", func() bool {
		nonce++
		c.submit(ctx, transaction.CommitConsents, transaction.SealedPayload(sealed(nonce, 1)))
		h := height(c.nodes[0])
		return c.nodes[0].SignedBy(c.keys[3], h-1) && c.nodes[0].SignedBy(c.keys[3], h-2)
	})
	// They go on, also from their disks.
	c.submit(ctx, transaction.CommitConsents, transaction.SealedPayload(sealed(5000, 3)))
	if err := fifth.Stop(); err != nil {
		t.Fatal(err)
	}
	again, err := ledger.Start(ctx, newcomer, fifthOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Stop() })
	want := height(c.nodes[0])
	await(t, "the fifth follows after a restart", func() bool { return height(again) >= want })
	sameLedger(t, again, c.nodes[0], c.genesis)
}

// A lyingMember hands out light blocks with a changed byte.
type lyingMember struct{ ledger.Member }

func (l lyingMember) Header(ctx context.Context, height uint64) ([]byte, error) {
	b, err := l.Member.Header(ctx, height)
	if err == nil {
		b[len(b)/2] ^= 1
	}
	return b, err
}
