package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

func (a *app) nodeCardVerb() *cobra.Command {
	var home, out, name, address, uri string
	var steward bool
	c := &cobra.Command{
		Use:   "card --name NAME --address HOST:PORT --out FILE",
		Short: "Make this node's keys, and a card with their public parts for the other members",
		Long: `Make the node's keys where they are missing, and write a card: the member's name, the
validator's public key, the node's id and the address under which the other members'
nodes reach it. Send the card to whoever makes the genesis, or to the stewards of a
ledger that runs already. The keys stay on this machine.

With --steward the card also names the authority key of this folder as a steward's;
make it with: zkconsent authority key.`,
		RunE: func(*cobra.Command, []string) error {
			h := ledger.Home(a.nodeHome(home))
			card := &member.Card{Name: name, Address: address}
			var key ed25519.PrivateKey
			if steward {
				var err error
				if key, err = a.authorityKey(); err != nil {
					return err
				}
				if card.URI = uri; uri == "" {
					card.URI = member.StewardURI(key.Public().(ed25519.PublicKey))
				}
			} else if uri != "" {
				return misuse("--uri is a steward's; add --steward")
			}
			if _, err := h.Create(); err != nil {
				return err
			}
			if err := h.Card(card, key); err != nil {
				return misuse("%w", err)
			}
			if err := a.writeMessage("member-card", out, card.Encode()); err != nil {
				return err
			}
			return a.emitCard(card, out)
		},
	}
	f := c.Flags()
	f.StringVar(&home, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.StringVar(&name, "name", "", "name of the member, which everybody sees")
	f.StringVar(&address, "address", "", "`HOST:PORT` under which other nodes reach this one; see --p2p of: zkconsent node start")
	f.BoolVar(&steward, "steward", false, "the authority of this folder is one of the ledger's stewards")
	f.StringVar(&uri, "uri", "", "reference of the steward; default: one made from its key")
	f.StringVar(&out, "out", "", "`file` to write; - for standard output")
	required(c, "name", "address", "out")
	return c
}

func (a *app) emitCard(c *member.Card, file string) error {
	v := map[string]string{"name": c.Name, "validator": hex.EncodeToString(c.Validator), "node": c.Node.String(), "address": c.Address, "file": file}
	if s, ok := c.Steward(); ok {
		v["steward"], v["uri"] = hex.EncodeToString(s.Key), s.URI
	}
	return a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "card of %s written to %s\nvalidator %s\npeer      %s\n", c.Name, file, v["validator"], c.Peer())
		if v["steward"] != "" {
			fmt.Fprintf(w, "steward   %s\n", v["steward"])
		}
	})
}

func (a *app) readCard(file string) (*member.Card, error) {
	b, err := a.readMessage("member-card", file, member.MaxEncoded)
	if err != nil {
		return nil, err
	}
	c, err := member.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// writeCardPeers puts the other members into the node's list of peers. A list
// that is there already is its operator's and stays.
func writeCardPeers(home ledger.Home, cards []*member.Card) error {
	if len(cards) == 0 {
		return nil
	}
	if _, err := os.Stat(home.PeersFile()); err == nil {
		return nil
	}
	self, err := home.NodeID()
	if err != nil {
		return err
	}
	var peers []member.Peer
	var names []string
	for _, c := range cards {
		if c.Node != self {
			peers, names = append(peers, c.Peer()), append(names, c.Name)
		}
	}
	return home.WritePeers(peers, names)
}

// shares is the members' power for people.
func shares(d *directory.Directory) (total uint64, lines []string) {
	for _, v := range d.Voting() {
		total += v.Power
	}
	for _, v := range d.Voting() {
		lines = append(lines, fmt.Sprintf("%-32s power %d of %d  %x…", plain(v.Name), v.Power, total, []byte(v.Key[:8])))
	}
	return total, lines
}
