package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/doctor"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/verifier/store"
	"github.com/zkconsent/zkconsent/verifier/store/postgres"
)

// node checks a node by what it writes for its operator.
func (d *diagnosis) node(home string) doctor.Result {
	v, err := d.a.nodeView(ledger.Home(home))
	switch {
	case err != nil:
		return doctor.Bad(doctor.Fail, "zkconsent node init or zkconsent node join makes one", "no node lives in %s", home)
	case !v.Running:
		return doctor.Bad(doctor.Skipped, "", "it does not run")
	case !v.Healthy:
		return doctor.Bad(doctor.Warn, "docs/operations.md, When something is wrong", "%s", v.Reason)
	}
	return doctor.Good("block %d, %d s old", v.Height, v.Age)
}

// A ledgerSight is what a node of the ledger showed, verified.
type ledgerSight struct {
	head *directory.Head
	dir  *directory.Directory
}

// look takes the newest head and the directory from a node and verifies them
// from the genesis. ca is as in reach.
func look(ctx context.Context, g *genesis, address, ca string) (s *ledgerSight, err error) {
	r, err := reach(address, ca, 1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for range 3 { // a block may come in between
		if s, err = lookOnce(ctx, g, r); err == nil || !errors.Is(err, errOtherDirectory) {
			break
		}
	}
	return s, err
}

var errOtherDirectory = errors.New("the node's directory is not the one that the validators signed")

func lookOnce(ctx context.Context, g *genesis, r *wire.Remote) (*ledgerSight, error) {
	b, err := r.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	h, err := light.VerifyHead(g.Genesis, b)
	if err != nil {
		return nil, err
	}
	if b, err = r.Directory(ctx); err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != h.State.Directory {
		return nil, errOtherDirectory
	}
	dir, err := directory.DecodeDirectory(b)
	return &ledgerSight{h, dir}, err
}

// clockSkew is how far a head may be ahead of this machine's clock.
const clockSkew = 10 * time.Second

// ledgerChecks checks the nodes that a role reads, and the keys against what
// they show.
func (d *diagnosis) ledgerChecks(role string, genesisFile string, nodes []string, keys string, circuits []consent.CircuitID) {
	type seen struct {
		sight *ledgerSight
		err   error
	}
	// Several checks need it; it is asked for once.
	ask := map[string]func() seen{}
	for _, address := range nodes {
		ask[address] = sync.OnceValue(func() seen {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			g, err := d.a.genesisIn(genesisFile)
			if err != nil {
				return seen{err: err}
			}
			s, err := look(ctx, g, address, string(d.c.Verifier.NodesCAFile))
			return seen{s, err}
		})
	}
	d.add(role+": genesis", func(context.Context) doctor.Result {
		g, err := d.a.genesisIn(genesisFile)
		if err != nil {
			return doctor.Bad(doctor.Fail, "copy the ledger's "+genesisFile+" there, and compare its hash with the other members", "no genesis can be read from %s", genesisFile)
		}
		return doctor.Good("%s, %x…", g.ChainID, g.hash[:8])
	})
	for _, address := range nodes {
		d.add(role+": node "+address, func(context.Context) doctor.Result {
			s := ask[address]()
			if s.err != nil {
				return doctor.Bad(doctor.Fail, "see whether the node runs, and whether this is the address of its gRPC", "no verified head: %s", plainly(s.err))
			}
			age := d.a.now().Sub(time.Unix(int64(s.sight.head.Time), 0)).Round(time.Second)
			limit := time.Duration(s.sight.dir.Parameters.MaxHeadAge) * time.Second
			switch {
			case age < -clockSkew:
				return doctor.Bad(doctor.Fail, "correct this machine's clock: run NTP", "the newest block is %s ahead of this machine's clock", -age)
			case age > limit:
				return doctor.Bad(doctor.Fail, "correct this machine's clock; if it is right, the ledger stands still, or the node is cut off", "the newest block %d is %s old, at most %s is decided on", s.sight.head.Height, age, limit)
			}
			return doctor.Good("block %d, verified, %s old", s.sight.head.Height, age)
		})
	}
	d.add(role+": keys", func(context.Context) doctor.Result {
		m, err := manifest.Load(filepath.Join(keys, manifest.FileName))
		if errors.Is(err, fs.ErrNotExist) {
			return doctor.Bad(doctor.Fail, "copy the ledger's keys there; zkconsent keys show shows a folder's", "no keys in %s", keys)
		}
		if err != nil {
			return doctor.Bad(doctor.Fail, "copy the ledger's keys there again", "the manifest in %s cannot be read", keys)
		}
		for _, address := range nodes {
			if s := ask[address](); s.err == nil {
				return compareKeys(m, s.sight.dir, circuits, "the ledger")
			}
		}
		g, err := d.a.genesisIn(genesisFile)
		if err != nil {
			return doctor.Bad(doctor.Skipped, "", "%d circuits; nothing shows which keys the ledger names", len(m.Entries))
		}
		return compareKeys(m, &g.Directory, circuits, "the genesis") // the stewards may have decided others since
	})
}

// compareKeys holds the keys of a folder against those that a directory names,
// which is by's.
func compareKeys(m *manifest.Manifest, dir *directory.Directory, circuits []consent.CircuitID, by string) doctor.Result {
	have := map[string][32]byte{}
	for i := range m.Entries {
		have[m.Entries[i].Circuit] = m.Entries[i].Digest()
	}
	var missing, other []string
	for _, named := range dir.Manifests {
		if len(circuits) > 0 && !slices.Contains(circuits, consent.CircuitID(named.Circuit)) {
			continue
		}
		if digest, ok := have[named.Circuit]; !ok {
			missing = append(missing, named.Circuit)
		} else if digest != named.Digest {
			other = append(other, named.Circuit)
		}
	}
	switch {
	case len(other) > 0:
		return doctor.Bad(doctor.Fail, "copy the ledger's keys there: proofs by others convince nobody", "other keys than %s names: %s", by, strings.Join(other, ", "))
	case len(missing) > 0:
		return doctor.Bad(doctor.Warn, "copy them there, if they are to be served", "%s names keys that are not there: %s", by, strings.Join(missing, ", "))
	}
	return doctor.Good("%d circuits, as %s names them", len(m.Entries), by)
}

// plainly is an error in one line of bounded length.
func plainly(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:min(len(s), 200)]
}

// nodesOf are the addresses at which a role reads the ledger: those that are
// named, or this process's own.
func nodesOf(c *config.Config, named []string) []string {
	if len(named) == 0 && c.Has(config.Registry) && c.TLS.CertFile == "" {
		return []string{doctor.Here(c.Listen.GRPC)}
	}
	return named
}

// genesisFileOf is where a role finds its genesis, and the node's where it
// names none.
func genesisFileOf(c *config.Config, named string) string {
	if named == "" && c.Has(config.Registry) {
		return ledger.Home(c.Registry.Home).GenesisFile()
	}
	return named
}

func (d *diagnosis) prover() {
	c := d.c.Prover
	d.add("prover.keys", doctor.Folder(string(c.Keys)))
	d.ledgerChecks("prover", genesisFileOf(d.c, string(c.Genesis)), nodesOf(d.c, nil), string(c.Keys), c.Circuits)
}

func (d *diagnosis) verifier() {
	c := d.c.Verifier
	home := string(c.Home)
	party := d.a.party(d.c)
	d.add("verifier.home", doctor.Folder(home))
	d.add(authorityFile, doctor.SecretFile(filepath.Join(home, authorityFile)))
	nodes := nodesOf(d.c, c.Nodes)
	d.ledgerChecks("verifier", filepath.Join(home, genesisFile), nodes, string(c.Keys), nil)
	d.add("authority", func(ctx context.Context) doctor.Result { return d.authority(ctx, party, nodes) })
	if c.Policies != "" {
		d.add("policies", func(context.Context) doctor.Result { return policiesResult(string(c.Policies)) })
	}
	d.add("store", func(ctx context.Context) doctor.Result { return d.store(ctx) })
	d.add("disk of the verifier", doctor.Disk(home))
}

// authority checks that the ledger knows the verifier's key.
func (d *diagnosis) authority(ctx context.Context, party *app, nodes []string) doctor.Result {
	key, err := party.authorityKey()
	if err != nil {
		return doctor.Bad(doctor.Fail, "zkconsent authority key makes one", "no key can be read from %s", party.path(authorityFile))
	}
	g, err := party.genesis()
	if err != nil {
		return doctor.Bad(doctor.Skipped, "", "no genesis")
	}
	for _, address := range nodes {
		s, err := look(ctx, g, address, string(d.c.Verifier.NodesCAFile))
		if err != nil {
			continue
		}
		known, ok := authorityByKey(s.dir, key)
		switch {
		case !ok:
			return doctor.Bad(doctor.Fail, "a steward adds it: zkconsent steward propose authority", "the ledger knows no authority with this key")
		case !known.Active || known.Roles&directory.Verifier == 0:
			return doctor.Bad(doctor.Fail, "a steward changes it: zkconsent steward propose authority", "%s is no active verifier of the ledger", plain(known.Name))
		}
		return doctor.Good("%s", plain(known.Name))
	}
	return doctor.Bad(doctor.Skipped, "", "no node shows the ledger's authorities")
}

// authorityByKey finds an authority of the ledger by its key.
func authorityByKey(d *directory.Directory, key ed25519.PrivateKey) (directory.Authority, bool) {
	for _, known := range d.Authorities {
		if known.Key.Equal(key.Public()) {
			return known, true
		}
	}
	return directory.Authority{}, false
}

// store checks the verifier's store.
func (d *diagnosis) store(ctx context.Context) doctor.Result {
	if d.c.Verifier.Store.DSNFile != "" {
		dsn, err := readDSN(string(d.c.Verifier.Store.DSNFile))
		if err != nil {
			return doctor.Bad(doctor.Fail, "write a connection string into a file that only this program's user may read", "%s", plainly(err))
		}
		l, err := postgres.LookAt(ctx, dsn)
		if err != nil {
			return doctor.Bad(doctor.Fail, "see whether PostgreSQL runs, and whether this machine and this role may connect", "%s", plainly(err))
		}
		found := fmt.Sprintf("PostgreSQL %s, schema %d of %d, synchronous_commit %s", l.Server, l.Schema, l.Newest, l.Commit)
		switch {
		case l.Standby:
			return doctor.Bad(doctor.Fail, "connect to the primary", "%s: a standby", found)
		case !l.Durable:
			return doctor.Bad(doctor.Fail, "turn fsync and full_page_writes on: nullifiers must survive a loss of power", "%s: not durable", found)
		case l.Schema > l.Newest:
			return doctor.Bad(doctor.Fail, "use a newer program", "%s: of a newer program", found)
		case l.Commit != "on" && l.Commit != "remote_apply":
			return doctor.Bad(doctor.Warn, "ALTER DATABASE … SET synchronous_commit = on; this program's connections set it by themselves", "%s", found)
		}
		return doctor.Good("%s", found)
	}
	path := sqlitePath(d.c)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return doctor.Bad(doctor.Skipped, "", "%s is made at the first start", path)
	}
	if r := doctor.SecretFile(path)(ctx); r.Status == doctor.Fail {
		return r
	}
	l, err := store.LookAt(ctx, path)
	switch {
	case err != nil:
		return doctor.Bad(doctor.Fail, "restore it from a backup, or name another file", "%s", plainly(err))
	case l.Schema > l.Newest:
		return doctor.Bad(doctor.Fail, "use a newer program", "%s has schema %d, this program knows %d", path, l.Schema, l.Newest)
	}
	return doctor.Good("%s, schema %d of %d", path, l.Schema, l.Newest)
}
