package benchmarks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A growth fills one registry with batches of leaves and measures what each
// costs it. The blocks are those of consensus; consensus itself is not there.
type growth struct {
	t       *testing.T
	dir     string
	s       *registry.State
	message []byte // the genesis
	genesis [32]byte
	issuer  directory.Authority
	key     ed25519.PrivateKey
	height  uint64
	time    uint64
	step    uint64 // seconds between blocks
	leaves  uint64
	rnd     *rand.Rand
	disk    *os.File // for the yardstick
}

// A window is what one sample is of: an epoch closes in each.
const (
	scaleBatch  = 4096
	scaleWindow = 3
)

// TestScale prints what a leaf costs the registry as it grows, to as many
// leaves as ZKCONSENT_LEAVES says.
func TestScale(t *testing.T) {
	to, err := strconv.ParseUint(os.Getenv("ZKCONSENT_LEAVES"), 10, 64)
	if err != nil || to < scaleBatch {
		t.Skipf("fills registries; run: make figures-scale (ZKCONSENT_LEAVES: %v)", err)
	}
	for name, step := range map[string]uint64{"an epoch for each block": 600, "an epoch for each three blocks": 200} {
		t.Run(name, func(t *testing.T) {
			newGrowth(t, step).window() // builds what is built once
			first := &sample{}
			var g *growth
			for range 9 {
				g = newGrowth(t, step)
				g.window()
				g.reopen() // which writes the first table: an empty store has nothing to look into
				first.add(g.window())
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s, %d processors; a batch of %d leaves in each block, %s; medians (minimum–maximum) over windows of %d blocks, and means, since the store merges in some windows for all; the first row is of nine registries that were opened again in between. A hash is a leaf's, on all processors, timed before each window: others use this machine too.\n\n", cpu(), runtime.GOMAXPROCS(0), scaleBatch, name, scaleWindow)
			b.WriteString("| leaves | µs for each leaf | processor µs for each leaf | mean | processor µs of a hash | mean in hashes | windows | µs for each revoked leaf | fsync, ms | bytes on disk for each leaf | memory, MiB | open, ms | check, s | memory of the check, MiB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
			b.WriteString(g.row(0, first.last(len(first.wall))))
			for unit := uint64(100_000); unit <= to; unit *= 10 {
				for _, at := range []uint64{unit, 2 * unit, 5 * unit} {
					if at <= to {
						b.WriteString(g.row(at, nil))
						t.Logf("%d leaves\n%s", g.leaves, b.String())
					}
				}
			}
		})
	}
}

func newGrowth(t *testing.T, step uint64) *growth {
	t.Helper()
	g := &growth{t: t, dir: t.TempDir(), key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), step: step, rnd: rand.New(rand.NewPCG(1, 2))}
	pub := g.key.Public().(ed25519.PublicKey)
	g.issuer = directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "urn:issuer", Name: "Issuer", Roles: directory.Issuer, Active: true}
	doc := &directory.Genesis{
		ChainID: "scale", Time: 1_790_000_000,
		Directory: directory.Directory{
			Validators:  []directory.Validator{{Key: pub, Power: 1, Name: "Issuer"}},
			Parameters:  directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 1 << 30, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{g.issuer},
		},
	}
	g.message, g.genesis, g.time = doc.Encode(), directory.GenesisHash(doc), doc.Time
	var err error
	if g.disk, err = os.Create(filepath.Join(g.dir, "yardstick")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.disk.Close() })
	g.open()
	t.Cleanup(func() { g.s.Close() })
	if _, err := g.s.InitGenesis(g.message); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *growth) open() {
	g.t.Helper()
	var err error
	if g.s, err = registry.Open(filepath.Join(g.dir, "state"), &registry.Options{}); err != nil {
		g.t.Fatal(err)
	}
}

func (g *growth) reopen() time.Duration {
	g.t.Helper()
	if err := g.s.Close(); err != nil {
		g.t.Fatal(err)
	}
	start := time.Now()
	g.open()
	return time.Since(start)
}

// A sample is what a window of batches took for each leaf.
type sample struct{ wall, processor, hash series }

func (x *sample) add(wall, processor, hash time.Duration) {
	x.wall, x.processor, x.hash = append(x.wall, wall), append(x.processor, processor), append(x.hash, hash)
}

// last keeps the newest n windows, in order of length.
func (x *sample) last(n int) *sample {
	last := func(s series) series {
		s = slices.Clone(s[len(s)-n:])
		slices.Sort(s)
		return s
	}
	return &sample{last(x.wall), last(x.processor), last(x.hash)}
}

// window commits a few batches and returns what each leaf took, and what one
// hash takes now. The leaves' making is not counted; what the store does
// meanwhile in the background is.
func (g *growth) window() (wall, processor, hash time.Duration) {
	g.t.Helper()
	hash = hashing()
	for range scaleWindow {
		payload := transaction.SealedPayload(g.sealed())
		w, p := g.block(transaction.CommitCredentials, payload)
		wall, processor = wall+w, processor+p
		g.leaves += scaleBatch
	}
	return wall / (scaleWindow * scaleBatch), processor / (scaleWindow * scaleBatch), hash
}

// row grows the registry to at least n leaves and measures it there. The cost
// of a leaf is that in the last tenth, and over ten windows at least: those
// before were a smaller registry's.
func (g *growth) row(n uint64, first *sample) string {
	g.t.Helper()
	x, fsync := first, series{g.fsync()}
	if x == nil {
		x = &sample{}
		for g.leaves < n {
			x.add(g.window())
			fsync = append(fsync, g.fsync())
		}
		x = x.last(max(len(x.wall)/10, min(len(x.wall), 10)))
	}
	slices.Sort(fsync)
	memory := resident()
	revoked, _ := g.block(transaction.Revoke, transaction.RevocationPayload(g.revocations()))
	disk := g.size()
	opened := g.reopen()
	verdict := "| "
	if n < 1_000_000 || n%10_000_000 == 0 || n%1_000_000 == 0 && n < 2_000_000 {
		checked, most := g.check()
		verdict = fmt.Sprintf("%.1f | %d", checked.Seconds(), most>>20)
	}
	us := func(s series) string {
		u := func(d time.Duration) string { return fmt.Sprintf("%.1f", 1e6*d.Seconds()) }
		return fmt.Sprintf("%s (%s–%s)", u(s.median()), u(s[0]), u(s[len(s)-1]))
	}
	mean, hash := x.processor.mean(), x.hash.mean()
	return fmt.Sprintf("| %d | %s | %s | %.1f | %.1f | %.2f | %d | %.1f | %s | %.0f | %d | %s | %s |\n", g.leaves,
		us(x.wall), us(x.processor), 1e6*mean.Seconds(), 1e6*hash.Seconds(), mean.Seconds()/hash.Seconds(), len(x.wall), 1e6*revoked.Seconds()/scaleBatch, fsync, float64(disk)/float64(g.leaves), memory>>20, ms(opened), verdict)
}

// block executes and commits one transaction and returns how long that took,
// and how much of the processors, the store's background work included.
func (g *growth) block(k transaction.Kind, payload []byte) (wall, processor time.Duration) {
	g.t.Helper()
	g.height++
	g.time += g.step
	x := &transaction.Transaction{Genesis: g.genesis, Expiry: g.height + 10, Nonce: g.height, Kind: k, Payload: payload}
	x.Sign(g.issuer.ID, g.key)
	b := registry.Block{Height: g.height, Time: g.time, Txs: [][]byte{x.Encode()}}
	start, used := time.Now(), spent()
	out, err := g.s.Apply(b)
	if err == nil {
		err = g.s.Commit()
	}
	wall, processor = time.Since(start), spent()-used
	if err != nil {
		g.t.Fatal(err)
	}
	r := out.Results[0]
	refused := 0
	for _, c := range r.Items {
		if c != transaction.Accepted {
			refused++
		}
	}
	if err := r.Refused(); err != nil || refused > 0 && k != transaction.Revoke {
		g.t.Fatalf("block %d: %d items refused, %v", g.height, refused, err)
	}
	return wall, processor
}

// sealed is the next batch. Its values are spread over the field, as those of
// wallets are, and cost next to nothing.
func (g *growth) sealed() []consent.Sealed {
	out := make([]consent.Sealed, scaleBatch)
	for i := range out {
		n := binary.BigEndian.AppendUint64(nil, g.leaves+uint64(i))
		out[i] = consent.Sealed{Commitment: field.Reduce(sha256.Sum256(append(n, 1))), Lock: field.Reduce(sha256.Sum256(append(n, 2)))}
	}
	return out
}

// revocations are the issuer's, of leaves anywhere.
func (g *growth) revocations() []transaction.Revocation {
	out := make([]transaction.Revocation, scaleBatch)
	for i := range out {
		out[i].Index = g.rnd.Uint64N(g.leaves)
	}
	return out
}

func (g *growth) fsync() time.Duration {
	start := time.Now()
	if _, err := g.disk.WriteAt(make([]byte, 4096), 0); err != nil {
		g.t.Fatal(err)
	}
	if err := g.disk.Sync(); err != nil {
		g.t.Fatal(err)
	}
	return time.Since(start)
}

func (g *growth) size() (n int64) {
	g.t.Helper()
	err := filepath.WalkDir(filepath.Join(g.dir, "state"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if i, err := d.Info(); err == nil { // the store deletes files meanwhile
			n += i.Size()
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

// check derives the whole state anew, and looks how much memory that takes.
func (g *growth) check() (took time.Duration, most uint64) {
	g.t.Helper()
	runtime.GC()
	var peak atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			peak.Store(max(peak.Load(), resident()))
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	start := time.Now()
	_, err := g.s.Check(context.Background(), nil)
	took = time.Since(start)
	close(done)
	<-stopped
	if err != nil {
		g.t.Fatal(err)
	}
	return took, peak.Load()
}

// hashing is what the hash of one leaf takes of the processors, all of them
// at it.
func hashing() time.Duration {
	const each = 512
	workers := runtime.GOMAXPROCS(0)
	used := spent()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			x := field.Reduce([field.Size]byte{1})
			for range each {
				x = consent.Leaf(consent.KindConsent, x, x, x)
			}
		})
	}
	wg.Wait()
	return (spent() - used) / time.Duration(each*workers)
}

// spent is what this process has used of the processors.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the memory of this process, 0 where the system does not tell.
func resident() uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			n, _ := strconv.ParseUint(string(bytes.Fields(v)[0]), 10, 64)
			return n << 10
		}
	}
	return 0
}
