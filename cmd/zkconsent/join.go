package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

// A joining is what a node needs to take part in a ledger.
type joining struct {
	home, hash    string
	cards, peers  []string
	follow, agree bool
}

func (a *app) nodeJoinVerb() *cobra.Command {
	x := &joining{}
	c := &cobra.Command{
		Use:   "join GENESIS",
		Short: "Look at a ledger's genesis and take it for this node",
		Long: `Show what a genesis says, check that this node's key stands in it, and take it for
this node if you agree. Compare the genesis hash with the other members by another
way than the one on which the file came, such as the telephone, or name it (--hash).

A node that comes later runs with --follow: it takes blocks from the others and signs
none until the stewards have added its key: zkconsent steward propose validator.

The peers that are named here, by cards or addresses, are kept in the file peers in
the node's folder, which you may change.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.join(x, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&x.home, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.StringArrayVar(&x.cards, "member", nil, "`file` with another member's card; may be repeated")
	f.StringSliceVar(&x.peers, "peers", nil, "other nodes as `ID@HOST:PORT`, separated by commas")
	f.StringVar(&x.hash, "hash", "", "refuse a genesis with another hash than this, in hexadecimal")
	f.BoolVar(&x.follow, "follow", false, "this node's key does not stand in the genesis")
	f.BoolVar(&x.agree, "yes", false, "take it without asking")
	return c
}

func (a *app) join(x *joining, file string) error {
	b, err := a.readMessage("genesis", file, maxGenesis)
	if err != nil {
		return err
	}
	g, err := directory.DecodeGenesis(b)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	hash := fmt.Sprintf("%x", directory.GenesisHash(g))
	if x.hash != "" && !strings.EqualFold(x.hash, hash) {
		return fmt.Errorf("%s has the hash %s and not the one that you named: it is another ledger's, or somebody changed it; nothing was written", file, hash)
	}
	peers, names, err := a.joiningPeers(x)
	if err != nil {
		return err
	}
	home := ledger.Home(a.nodeHome(x.home))
	own, err := home.ValidatorKey()
	if errors.Is(err, fs.ErrNotExist) && x.follow {
		own, err = home.Create()
	} else if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no keys yet: make them, and the card that the genesis is made from, with: zkconsent node card", home)
	}
	if err != nil {
		return err
	}
	self, founder := founderOf(g, own)
	switch {
	case !founder && !x.follow:
		return fmt.Errorf("this node's key %x… does not stand in the genesis; a member that comes later adds --follow", []byte(own[:8]))
	case founder && x.follow:
		return misuse("this node's key stands in the genesis: leave --follow away")
	}
	text := describeGenesis(g)
	if founder {
		text += fmt.Sprintf("this node    votes as %s\n", self.Name)
	} else {
		text += "this node    follows, and signs nothing\n"
	}
	if !a.json {
		fmt.Fprint(a.results, text)
	} else if !x.agree {
		fmt.Fprint(a.stderr, text)
	}
	if !x.agree && !a.confirm("did you compare the hash, and do you take this genesis?") {
		return errors.New("the genesis was not taken: agree at the prompt, or with --yes")
	}
	if err := a.takeGenesis(home, g); err != nil {
		return err
	}
	if len(peers) > 0 {
		if err := home.WritePeers(peers, names); err != nil {
			return err
		}
	}
	v := map[string]any{"chain": g.ChainID, "genesis": hash, "node": string(home), "validator": hex.EncodeToString(own), "founder": founder, "peers": len(peers)}
	return a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "taken, with %d peer(s); start the node with: zkconsent node start --p2p HOST:PORT\n", len(peers))
	})
}

// joiningPeers are the other nodes by cards and by addresses.
func (a *app) joiningPeers(x *joining) (peers []member.Peer, names []string, err error) {
	self, err := ledger.Home(a.nodeHome(x.home)).NodeID()
	known := map[member.NodeID]bool{}
	if err == nil {
		known[self] = true
	}
	add := func(p member.Peer, name string) {
		if !known[p.ID] {
			known[p.ID] = true
			peers, names = append(peers, p), append(names, name)
		}
	}
	for _, file := range x.cards {
		c, err := a.readCard(file)
		if err != nil {
			return nil, nil, err
		}
		add(c.Peer(), c.Name)
	}
	for _, s := range x.peers {
		p, err := member.ParsePeer(s)
		if err != nil {
			return nil, nil, misuse("--peers: %w", err)
		}
		add(p, p.Address)
	}
	return peers, names, nil
}

func founderOf(g *directory.Genesis, key []byte) (directory.Validator, bool) {
	for _, v := range g.Directory.Voting() {
		if bytes.Equal(v.Key, key) {
			return v, true
		}
	}
	return directory.Validator{}, false
}

// takeGenesis puts the genesis into the node's home and into the party's
// folder. Taking the same one again is as good as done; another one is not.
func (a *app) takeGenesis(home ledger.Home, g *directory.Genesis) error {
	if err := home.WriteGenesis(g); errors.Is(err, ledger.ErrHomeExists) {
		old, err := home.Genesis()
		if err != nil {
			return err
		}
		if directory.GenesisHash(old) != directory.GenesisHash(g) {
			return fmt.Errorf("%w, of another ledger; a node has one ledger: name another folder with --node-home", ledger.ErrHomeExists)
		}
	} else if err != nil {
		return err
	}
	path := a.path(genesisFile)
	if _, err := os.Stat(path); err == nil {
		old, err := a.genesis()
		if err != nil {
			return err
		}
		if old.hash != directory.GenesisHash(g) {
			return fmt.Errorf("%s is another ledger's", path)
		}
		return nil
	}
	return writeFile(path, armor.Encode("genesis", g.Encode()), 0o600)
}

// describeGenesis says in words what members agree to.
func describeGenesis(g *directory.Genesis) string {
	var b strings.Builder
	d := &g.Directory
	fmt.Fprintf(&b, "ledger       %s, of %s\ngenesis      %x\n", g.ChainID, rfc3339(g.Time), directory.GenesisHash(g))
	total, lines := shares(d)
	for i, l := range lines {
		fmt.Fprintf(&b, "%-12s %s\n", first(i, "validators"), l)
	}
	fmt.Fprintf(&b, "%-12s blocks need more than two thirds of the power, %d of %d\n", "", 2*total/3+1, total)
	n := 0
	for _, k := range d.Authorities {
		if k.Active && k.Roles&directory.Steward != 0 {
			fmt.Fprintf(&b, "%-12s %-32s %x…\n", first(n, "stewards"), plain(k.Name), []byte(k.Key[:8]))
			n++
		}
	}
	fmt.Fprintf(&b, "%-12s decisions need %d of %d\n", "", d.Parameters.Stewards, n)
	// Whoever stands here may seal records, ask patients or open charts from the
	// first block on, without any steward's decision.
	n = 0
	for _, k := range d.Authorities {
		if k.Roles != directory.Steward || !k.Active {
			fmt.Fprintf(&b, "%-12s %-32s %s, active: %s  %x…\n", first(n, "authorities"), plain(k.Name), formatRoles(k.Roles), yesNo(k.Active), []byte(k.Key[:8]))
			n++
		}
	}
	for i, r := range parameterRows(d.Parameters) {
		fmt.Fprintf(&b, "%-12s %-32s %s\n", first(i, "parameters"), r.what, r.value)
	}
	fmt.Fprintf(&b, "documents    %d schemas, %d value sets, %d trust lists, keys of %d circuits\n", len(d.Schemas), len(d.ValueSets), len(d.TrustLists), len(d.Manifests))
	for i, l := range d.TrustLists {
		fmt.Fprintf(&b, "%-12s %-32s %s\n", first(i, "trust lists"), plain(l.Name), field.Hex(l.Digest))
	}
	for i, m := range d.Manifests {
		fmt.Fprintf(&b, "%-12s %-32s %x\n", first(i, "keys"), m.Circuit, m.Digest)
	}
	return b.String()
}

// first is a heading that only the first of several lines has.
func first(i int, heading string) string {
	if i == 0 {
		return heading
	}
	return ""
}
