package cluster_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sort"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
)

// A cluster is a consortium: members with a link for each direction between
// any two, and a witness that follows what each of them shows.
type cluster struct {
	t       *testing.T
	genesis *directory.Genesis
	members []*member
	links   map[[2]int]*link // from, to
	witness *witness
}

// snapshotEvery is the number of blocks from one snapshot to the next: few, so
// that there are some, and enough for the one that is being fetched to last.
const snapshotEvery = 20

func newCluster(t *testing.T, n int, change ...func(*directory.Genesis)) *cluster {
	t.Helper()
	c := &cluster{t: t, links: map[[2]int]*link{}}
	var keys []ed25519.PublicKey
	for i := range n {
		m := newMember(t, fmt.Sprintf("member %d", i+1))
		m.every = snapshotEvery
		c.members, keys = append(c.members, m), append(keys, m.key)
	}
	c.genesis = newGenesis(keys, change...)
	for a, from := range c.members {
		if err := from.home.WriteGenesis(c.genesis); err != nil {
			t.Fatal(err)
		}
		for b, to := range c.members {
			if a == b {
				continue
			}
			l, err := newLink(to.where)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.close)
			c.links[[2]int{a, b}] = l
			from.peers = append(from.peers, fmt.Sprintf("%s@%s", to.id, l.address()))
		}
	}
	t.Cleanup(c.quit)
	c.each(func(m *member) { m.start() })
	if t.Failed() {
		t.FailNow()
	}
	c.witness = newWitness(c)
	return c
}

// each does something with all members at once.
func (c *cluster) each(do func(*member)) {
	c.t.Helper()
	var all sync.WaitGroup
	for _, m := range c.members {
		all.Go(func() { do(m) })
	}
	all.Wait()
}

// quit ends what still runs, and shows what the members wrote of a test that
// failed.
func (c *cluster) quit() {
	if c.witness != nil {
		c.witness.rest()
	}
	for _, m := range c.members {
		if m.cmd != nil && !m.ended() {
			m.end(syscall.SIGKILL)
		}
		if c.t.Failed() {
			c.t.Logf("%v wrote at last:\n%s", m, m.tail())
		}
	}
}

// part cuts every link between the named members and the rest.
func (c *cluster) part(some ...int) {
	inside := map[int]bool{}
	for _, i := range some {
		inside[i] = true
	}
	for ends, l := range c.links {
		if inside[ends[0]] != inside[ends[1]] {
			l.sever()
		}
	}
}

func (c *cluster) heal() {
	for _, l := range c.links {
		l.mend()
	}
}

// advance waits until each of the members has shown a head some blocks beyond
// the newest that anybody has shown by now, and returns how long that took.
func (c *cluster) advance(blocks uint64, within time.Duration, some ...int) time.Duration {
	c.t.Helper()
	return c.reach(c.witness.height()+blocks, within, some...)
}

// reach waits until each of the members has shown a head of the height.
func (c *cluster) reach(height uint64, within time.Duration, some ...int) time.Duration {
	c.t.Helper()
	began := time.Now()
	for _, i := range some {
		for c.witness.of(i) < height {
			if time.Since(began) > within {
				c.t.Fatalf("%v stands at height %d after %v, %d was to come", c.members[i], c.witness.of(i), within, height)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return time.Since(began)
}

func (c *cluster) all() (out []int) {
	for i := range c.members {
		out = append(out, i)
	}
	return out
}

// others are all members but some.
func (c *cluster) others(some ...int) (out []int) {
	for i := range c.members {
		left := true
		for _, s := range some {
			left = left && s != i
		}
		if left {
			out = append(out, i)
		}
	}
	return out
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func authority(k ed25519.PrivateKey, name string, roles directory.Roles) directory.Authority {
	pub := k.Public().(ed25519.PublicKey)
	return directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "https://example.org/" + name, Name: name, Roles: roles, Active: true}
}

// hospital commits, withdraws and revokes.
func hospital() directory.Authority { return authority(key(1), "hospital", directory.Registrar) }

func newGenesis(validators []ed25519.PublicKey, change ...func(*directory.Genesis)) *directory.Genesis {
	g := &directory.Genesis{
		ChainID: "cluster-test",
		Time:    uint64(time.Now().Add(-time.Minute).Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 60, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 1, Quota: 1 << 20, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{hospital()},
		},
	}
	for i, v := range validators {
		g.Directory.Validators = append(g.Directory.Validators, directory.Validator{Key: v, Power: 10, Name: fmt.Sprintf("Member %d", i+1)})
	}
	for _, c := range change {
		c(g)
	}
	d := &g.Directory
	sort.Slice(d.Validators, func(i, j int) bool { return bytes.Compare(d.Validators[i].Key, d.Validators[j].Key) < 0 })
	sort.Slice(d.Authorities, func(i, j int) bool { return d.Authorities[i].ID.Cmp(&d.Authorities[j].ID) < 0 })
	return g
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
