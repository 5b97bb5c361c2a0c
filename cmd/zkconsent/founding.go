package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

// A founding is what a new ledger starts from.
type founding struct {
	chain, stewardKey, stewardName, stewardURI string
	stewards, members, trusts, sets            []string
	out                                        string // another copy of the genesis
	parameters                                 directory.Parameters

	cards []*member.Card
}

func (a *app) nodeInitVerb() *cobra.Command {
	x := &founding{}
	p := &x.parameters
	c := &cobra.Command{
		Use:   "init --chain NAME {--steward-key HEX | --member FILE …}",
		Short: "Make a new ledger: its genesis and its validators",
		Long: `Make a new ledger and write genesis.zkc: give it to every party. The genesis names
the validators, the stewards who govern the ledger together, the built-in schemas,
the lists that you name, and the circuits' keys in --keys.

Without --member this node is the one validator. With it, the members whose cards
(zkconsent node card) are named are: one of them makes the genesis, all the others
look at it and take it with: zkconsent node join. Stewards are those that the cards
name and those of --steward; so many of them as --stewards says decide.

Keys of a setup by one party are refused, here and by every party of the ledger,
unless the ledger itself says that it is a demonstration: --development-keys.`,
		RunE: func(*cobra.Command, []string) error { return a.found(x) },
	}
	f := c.Flags()
	f.StringVar(&x.chain, "chain", "", "name of the ledger")
	f.StringArrayVar(&x.members, "member", nil, "`file` with a member's card; may be repeated")
	f.StringVar(&x.stewardKey, "steward-key", "", "public key of the steward, from: zkconsent authority key")
	f.StringVar(&x.stewardName, "steward-name", "Steward", "name of the steward")
	f.StringVar(&x.stewardURI, "steward-uri", "urn:zkconsent:steward", "reference of the steward")
	f.StringArrayVar(&x.stewards, "steward", nil, "another steward, as `NAME=HEX`; may be repeated")
	f.Uint64Var(&p.Stewards, "stewards", 0, "how many stewards must approve a decision; default: more than half")
	f.StringArrayVar(&x.trusts, "trust-list", nil, "file of a trust list; may be repeated")
	f.StringArrayVar(&x.sets, "value-set", nil, "file of a value set; may be repeated")
	f.StringVar(&x.out, "out", "", "another `file` to write the genesis to")
	parameterFlags(c, p)
	f.BoolVar(&p.DevelopmentKeys, "development-keys", false, "take keys of a setup by one party: for demonstrations, since their maker can prove anything")
	required(c, "chain")
	return c
}

// parameterFlags are the parameters that stewards may change later, with the
// values of a new ledger.
func parameterFlags(c *cobra.Command, p *directory.Parameters) {
	f := c.Flags()
	f.Uint64Var(&p.Epoch, "epoch", 600, "seconds between two epochs")
	f.BoolVar(&p.EveryBlock, "every-block", false, "close an epoch with every block that has transactions, for demonstrations")
	f.Uint64Var(&p.MaxHeadAge, "max-head-age", 600, "seconds after which a client decides nothing on an old head")
	f.Uint64Var(&p.Heartbeat, "heartbeat", 60, "seconds between empty blocks")
	f.Uint64Var(&p.Quota, "quota", 1<<16, "records per authority and epoch")
	f.Uint64Var(&p.PowBits, "pow-bits", 20, "leading zero bits of a stamp in place of an authority's signature")
	f.Uint64Var(&p.TrustPeriod, "trust-period", 180*24*3600, "seconds for which a header that was verified vouches for later validators")
	f.Uint64Var(&p.RevokeDelay, "revoke-delay", 3600, "longest random delay, in seconds, between a withdrawal and the erasure of its leaf")
}

// found makes the genesis, and the home of the node if a member's is here.
func (a *app) found(x *founding) error {
	if err := a.readCards(x); err != nil {
		return err
	}
	stewards, err := x.stewardRecords()
	if err != nil {
		return err
	}
	if x.parameters.Stewards == 0 {
		x.parameters.Stewards = uint64(len(stewards)/2 + 1)
	}
	d, err := a.genesisDirectory(x)
	if err != nil {
		return err
	}
	d.Authorities = stewards
	home := ledger.Home(a.nodeHome(""))
	own, err := x.validators(home, d)
	if err != nil {
		return err
	}
	g := &directory.Genesis{ChainID: x.chain, Time: uint64(a.now().Unix()), Directory: *d}
	if err := g.Validate(); err != nil {
		return err
	}
	v := map[string]any{"chain": x.chain, "genesis": fmt.Sprintf("%x", directory.GenesisHash(g)), "file": a.path(genesisFile)}
	if own != nil {
		if err := home.WriteGenesis(g); err != nil {
			return err
		}
		if err := writeCardPeers(home, x.cards); err != nil {
			return err
		}
		v["node"] = string(home)
	}
	if err := a.writeMessage("genesis", a.path(genesisFile), g.Encode()); err != nil {
		return err
	}
	if x.out != "" {
		if err := a.writeMessage("genesis", x.out, g.Encode()); err != nil {
			return err
		}
	}
	return a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "ledger %s, genesis %s\n", x.chain, v["genesis"])
		switch {
		case own == nil:
			fmt.Fprintf(w, "give %s to every member and party; no member's key is here, so there is no node to start\n", a.path(genesisFile))
		case len(x.cards) > 0:
			fmt.Fprintf(w, "give %s to every member and party; members take it with: zkconsent node join; start this node with: zkconsent node start --p2p HOST:PORT\n", a.path(genesisFile))
		default:
			fmt.Fprintf(w, "give %s to every party; start the node with: zkconsent node start\n", a.path(genesisFile))
		}
	})
}

func (a *app) readCards(x *founding) (err error) {
	for _, file := range x.members {
		c, err := a.readCard(file)
		if err != nil {
			return err
		}
		x.cards = append(x.cards, c)
	}
	return nil
}

// stewardRecords are the stewards by the cards and by the flags.
func (x *founding) stewardRecords() (out []directory.Authority, err error) {
	add := func(s directory.Authority) {
		s.ID, s.Roles, s.Active = directory.AuthorityID(s.Key), directory.Steward, true
		out = append(out, s)
	}
	for _, c := range x.cards {
		if s, ok := c.Steward(); ok {
			add(s)
		}
	}
	if x.stewardKey != "" {
		key, err := parseKey(x.stewardKey)
		if err != nil {
			return nil, misuse("--steward-key: %w", err)
		}
		add(directory.Authority{Key: key, URI: x.stewardURI, Name: x.stewardName})
	}
	for _, s := range x.stewards {
		name, digits, _ := strings.Cut(s, "=")
		key, err := parseKey(digits)
		if err != nil {
			return nil, misuse("--steward %q: NAME=HEX is wanted: %w", s, err)
		}
		add(directory.Authority{Key: key, URI: member.StewardURI(key), Name: name})
	}
	if len(out) == 0 {
		return nil, misuse("nobody could govern the ledger: name a steward with --steward-key or --steward, or by a member's card")
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID.Cmp(&out[j].ID) < 0 })
	return out, nil
}

// validators puts the members into the directory, each with the same power, and
// returns the key of the one whose home this is, nil if it is none's.
func (x *founding) validators(home ledger.Home, d *directory.Directory) (own ed25519.PublicKey, err error) {
	if len(x.cards) == 0 {
		if own, err = home.Create(); err != nil {
			return nil, err
		}
		name := x.stewardName
		if x.stewardKey == "" {
			name = d.Authorities[0].Name
		}
		d.Validators = []directory.Validator{{Key: own, Power: 1, Name: name}}
		return own, nil
	}
	here, err := home.ValidatorKey()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, c := range x.cards {
		d.Validators = append(d.Validators, directory.Validator{Key: c.Validator, Power: 1, Name: c.Name})
		if c.Validator.Equal(here) {
			own = here
		}
	}
	sort.Slice(d.Validators, func(i, j int) bool { return bytes.Compare(d.Validators[i].Key, d.Validators[j].Key) < 0 })
	return own, nil
}

func (a *app) genesisDirectory(x *founding) (*directory.Directory, error) {
	p := x.parameters
	d := &directory.Directory{Parameters: p}
	for _, s := range consent.BuiltinSchemas() {
		d.Schemas = append(d.Schemas, directory.Named{Name: s.Name, Sequence: s.Version, Digest: s.Digest()})
	}
	for _, file := range x.trusts {
		n, err := a.readNamed("trust-list", file)
		if err != nil {
			return nil, err
		}
		d.TrustLists = append(d.TrustLists, n)
	}
	for _, file := range x.sets {
		n, err := a.readNamed("value-set", file)
		if err != nil {
			return nil, err
		}
		d.ValueSets = append(d.ValueSets, n)
	}
	for _, list := range [][]directory.Named{d.Schemas, d.TrustLists, d.ValueSets} {
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	}
	_, m, err := a.manifest()
	if err != nil {
		return nil, err
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if err := e.Production(); err != nil && !p.DevelopmentKeys {
			return nil, fmt.Errorf("%w: node init --development-keys", err)
		}
		d.Manifests = append(d.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: [32]byte(e.Digest())})
	}
	return d, nil
}

// readNamed reads a document of a kind and returns how the ledger names it.
func (a *app) readNamed(kind, file string) (directory.Named, error) {
	b, err := a.readMessage(kind, file, consent.MaxRequest)
	if err != nil {
		return directory.Named{}, err
	}
	var n directory.Named
	switch kind {
	case "trust-list":
		var t *consent.TrustList
		if t, err = consent.DecodeTrustList(b); err == nil {
			n = directory.Named{Name: t.Name, Sequence: t.Sequence, Digest: t.Digest()}
		}
	case "value-set":
		var s *consent.ValueSet
		if s, err = consent.DecodeValueSet(b); err == nil {
			n = directory.Named{Name: s.Name, Sequence: s.Sequence, Digest: s.Digest()}
		}
	default:
		var s *consent.Schema
		if s, err = consent.DecodeSchema(b); err == nil {
			n = directory.Named{Name: s.Name, Sequence: s.Version, Digest: s.Digest()}
		}
	}
	if err != nil {
		return n, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}
