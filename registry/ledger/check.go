package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"

	dbm "github.com/cometbft/cometbft-db"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
)

// A Report says what a check of a home has found to be sound.
type Report struct {
	Height    uint64 // block at which the registry's state stands; 0 before the first
	Base, Top uint64 // oldest and newest block that is kept; 0 for none
	// Torn names files whose last entry a crash has cut off. Nothing that was
	// acknowledged is in such an entry; the next start drops it.
	Torn []string
}

// Behind is how many blocks the next start will execute, because the state does
// not show them yet. After a crash it is one at most; more mean that the state
// is an older one than it was, such as from a backup, or that its newest
// entries are lost.
func (r Report) Behind() uint64 { return r.Top - min(r.Height, r.Top) }

// Check reads a stopped home as a whole and changes nothing in it: the genesis
// and the keys; [registry.State.Check] of the state; every block that is kept,
// with its parts, its place in the chain of headers and the signatures of more
// than two thirds of its validators; what the application answered to each; and
// that the headers sign the state; and the light blocks around changes of
// validators, also of blocks that are gone. It returns a [registry.DamageError] for the
// first thing that is not as the node wrote it. progress may be nil.
//
// A start does less: it reads the genesis, the keys, what the validator signed
// last, and the journals and manifests of the databases, and holds the state's
// AppHash against the newest header. What only Check finds is met when it is
// read, by its checksum, and then stops the node.
func Check(ctx context.Context, home Home, progress registry.Progress) (r Report, err error) {
	if progress == nil {
		progress = func(string, uint64, uint64) {}
	}
	// CometBFT's stores panic on what they cannot decode.
	defer func() {
		if p := recover(); p != nil {
			err = damaged("data", "%v", p)
		}
	}()
	g, err := home.Genesis()
	if err != nil {
		return r, err
	}
	if _, err := home.validator(); err != nil {
		return r, err
	}
	if _, err := home.nodeKey(); err != nil {
		return r, err
	}
	c := &homeCheck{ctx: ctx, home: home, genesis: g, progress: progress, report: &r}
	if c.doc, err = genesisDoc(g); err != nil {
		return r, err
	}
	if err := c.registry(); err != nil {
		return r, err
	}
	if r.Torn, err = home.journals(); err != nil {
		return r, err
	}
	torn, err := home.consensusLog(ctx)
	if err != nil {
		return r, err
	}
	r.Torn = append(r.Torn, torn...)
	return r, c.stores()
}

type homeCheck struct {
	ctx      context.Context
	home     Home
	genesis  *directory.Genesis
	doc      *types.GenesisDoc
	progress registry.Progress
	report   *Report
	view     *registry.View // of the state; nil before genesis

	blockDB dbm.DB
	blocks  *store.BlockStore
	states  sm.Store
	state   sm.State
}

// registry checks the registry's state.
func (c *homeCheck) registry() error {
	entries, err := os.ReadDir(c.home.StateDir())
	if err == nil && len(entries) == 0 || errors.Is(err, os.ErrNotExist) {
		return nil // never started
	}
	if err != nil {
		return err
	}
	s, err := registry.Open(c.home.StateDir(), &registry.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	v, err := s.View()
	if errors.Is(err, registry.ErrNoGenesis) {
		return s.Close()
	}
	if err == nil && v.State.Genesis != directory.GenesisHash(c.genesis) {
		err = registry.ErrGenesis
	}
	if err == nil {
		c.view, c.report.Height = &v, v.Height
		_, err = s.Check(c.ctx, c.progress)
	}
	return errors.Join(err, s.Close())
}

// stores opens CometBFT's databases and checks what is in them.
func (c *homeCheck) stores() error {
	dbs := map[string]dbm.DB{}
	defer func() {
		for _, db := range dbs {
			db.Close()
		}
	}()
	for _, name := range databases {
		dir := c.home.join("data", name)
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		db, err := c.open(name)
		if err != nil {
			return damaged(c.home.name(dir), "%v", err)
		}
		dbs[name] = db
		if err := c.walk(name, db); err != nil {
			return err
		}
	}
	if dbs["blockstore.db"] == nil || dbs["state.db"] == nil {
		if c.report.Height > 0 {
			return damaged("data", "the state stands at block %d, and there are no blocks", c.report.Height)
		}
		return nil
	}
	c.blockDB, c.blocks = dbs["blockstore.db"], store.NewBlockStore(dbs["blockstore.db"])
	c.states = sm.NewStore(dbs["state.db"], sm.StoreOptions{})
	if err := c.chain(); err != nil {
		return err
	}
	return c.trail()
}

// trail checks the light blocks around changes of validators, and that none is
// missing which the next start could not make from the blocks.
func (c *homeCheck) trail() error {
	t, err := openTrail(c.home, c.genesis)
	if err != nil {
		return damaged("trail", "%v", err)
	}
	top := c.blocks.LoadBlockMeta(c.blocks.Height())
	if top == nil {
		return nil
	}
	newest := uint64(0)
	if n := len(t.kept); n > 0 {
		newest = t.kept[n-1].height
	}
	if err := t.leadsTo(&top.Header); err != nil && uint64(c.blocks.Base()) > newest+1 {
		return damaged("trail", "%v", err)
	}
	return nil
}

// open opens a database for reading, and takes no damage for the end of a
// crash: what a crash has cut off was found before, by [Home.journals].
func (c *homeCheck) open(name string) (dbm.DB, error) {
	o := &opt.Options{ReadOnly: true, ErrorIfMissing: true, Strict: opt.StrictAll}
	if len(c.report.Torn) > 0 {
		o.Strict &^= opt.StrictManifest | opt.StrictJournal
	}
	return dbm.NewGoLevelDBWithOpts(name[:len(name)-len(".db")], c.home.join("data"), o)
}

// walk reads every entry, and with it every block of every table, whose
// checksums the database compares. Entries of the state database are decoded,
// because CometBFT ends the process where it cannot.
func (c *homeCheck) walk(name string, db dbm.DB) error {
	it, err := db.Iterator(nil, nil)
	if err != nil {
		return damaged("data/"+name, "%v", err)
	}
	defer it.Close()
	for n := uint64(0); it.Valid(); it.Next() {
		if n%1024 == 0 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.progress("entries of "+name, n, 0)
		}
		n++
		if name != "state.db" {
			continue
		}
		if err := decodes(it.Key(), it.Value()); err != nil {
			return damaged("data/"+name, "entry %q: %v", it.Key(), err)
		}
	}
	if err := it.Error(); err != nil {
		return damaged("data/"+name, "%v", err)
	}
	return nil
}

// firstOf returns the first failure of named steps, as damage of a block.
func firstOf(height int64, steps ...step) error {
	for _, s := range steps {
		if !s.ok {
			return damaged(fmt.Sprintf("block %d", height), "%s", s.fault)
		}
	}
	return nil
}

type step struct {
	ok    bool
	fault string
}
