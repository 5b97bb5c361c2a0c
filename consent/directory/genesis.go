package directory

import (
	"crypto/sha256"
	"fmt"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The bounds of a genesis.
const (
	MaxChainID = 50
	MaxPower   = 1 << 40
	MaxTime    = 1<<40 - 1

	// MaxEncodedGenesis bounds the genesis message.
	MaxEncodedGenesis = MaxEncoded + 64<<10
)

// Encode returns the canonical genesis message (docs/spec.md §6.1).
func (g *Genesis) Encode() []byte {
	e := tlv.NewEncoder("genesis")
	e.String(1, g.ChainID)
	e.Uint(2, g.Time)
	e.Bytes(3, g.Directory.Encode())
	return e.Encoded()
}

// GenesisHash is SHA-256 of the genesis message: what a ledger is known by.
func GenesisHash(g *Genesis) [sha256.Size]byte { return sha256.Sum256(g.Encode()) }

// DecodeGenesis reads a genesis message and validates it.
func DecodeGenesis(b []byte) (*Genesis, error) {
	r := tlv.NewDecoder("genesis", b, MaxEncodedGenesis)
	g := &Genesis{
		ChainID: r.String(1, "chain id", MaxChainID),
		Time:    r.Uint(2, "time", MaxTime),
	}
	dir := r.Bytes(3, "directory", 0, MaxEncoded)
	if err := r.Done(); err != nil {
		return nil, err
	}
	d, err := DecodeDirectory(dir)
	if err != nil {
		return nil, err
	}
	g.Directory = *d
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return g, nil
}

// Validate reports the first thing that no ledger may start from.
func (g *Genesis) Validate() error {
	if reason := chainFault(g.ChainID); reason != "" {
		return invalid("chain id", "%s", reason)
	}
	if g.Time == 0 || g.Time > MaxTime {
		return invalid("time", "%d is not between 1 and %d", g.Time, uint64(MaxTime))
	}
	if err := g.Directory.Validate(); err != nil {
		return err
	}
	for i, a := range g.Directory.Authorities {
		where := fmt.Sprintf("authorities[%d]", i)
		if id := AuthorityID(a.Key); !id.Equal(&a.ID) {
			return invalid(where+".id", "not the id of the authority's key")
		}
		if a.Sequence != 0 || a.Live != 0 {
			return invalid(where, "a new authority has sequence 0 and no leaves")
		}
	}
	return g.unused()
}

// unused refuses what only transactions write.
func (g *Genesis) unused() error {
	d := &g.Directory
	switch {
	case d.Revision != 0:
		return invalid("revision", "a new ledger has revision 0")
	case len(d.Distrusts) > 0:
		return invalid("distrusts", "a new ledger has no records to distrust")
	}
	for i, v := range d.Validators {
		if v.Power == 0 || v.Sequence != 0 {
			return invalid(fmt.Sprintf("validators[%d]", i), "a new validator has power and sequence 0")
		}
	}
	for i, m := range d.Manifests {
		if m.Sequence != 0 {
			return invalid(fmt.Sprintf("manifests[%d].sequence", i), "a new ledger's is 0")
		}
	}
	for i, s := range d.Scopes {
		if s.Sequence != 0 {
			return invalid(fmt.Sprintf("scopes[%d].sequence", i), "a new ledger's is 0")
		}
	}
	return nil
}

func chainFault(s string) string {
	if len(s) == 0 || len(s) > MaxChainID {
		return fmt.Sprintf("%d bytes, allowed are 1 to %d", len(s), MaxChainID)
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return fmt.Sprintf("%q is none of a-z, 0-9, '-' and '.'", c)
		}
	}
	return ""
}
