package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// index holds an index to having one key for each of n entries of a log, which
// points to that entry. Two entries with one key, such as a nullifier that was
// spent twice, leave a key too few.
func (c *checker) index(prefix byte, n int, keyOf func(at uint64) []byte) error {
	return c.scan(prefix, uint64(n), func(_ uint64, key, value []byte) error {
		at, err := position(value, n)
		if err != nil || !bytes.Equal(key, keyOf(at)[1:]) {
			return damaged(stageOf(prefix), "an entry does not point to what it names")
		}
		return nil
	})
}

func position(value []byte, n int) (uint64, error) {
	if len(value) != 8 || binary.BigEndian.Uint64(value) >= uint64(n) {
		return 0, fmt.Errorf("out of range")
	}
	return binary.BigEndian.Uint64(value), nil
}

func (c *checker) withdrawals() error {
	var secrets []fr.Element
	if err := c.scanLog(keyWithdrawal, journal.Withdrawals, func(_ uint64, entry []byte) error {
		w, err := journal.DecodeWithdrawal(entry)
		secrets = append(secrets, w.V)
		return err
	}); err != nil {
		return err
	}
	return c.index(keySecret, len(secrets), func(at uint64) []byte { return elementKey(keySecret, secrets[at]) })
}

// spends reads the spend log. That the member was one of the scope's is not to
// be seen any more when the scope has changed since; that it is an authority is.
func (c *checker) spends() error {
	var keys [][2]fr.Element
	if err := c.scanLog(keySpend, journal.Spends, func(_ uint64, entry []byte) error {
		s, err := journal.DecodeSpend(entry)
		if err != nil {
			return err
		}
		keys = append(keys, [2]fr.Element{s.Scope, s.Nullifier})
		return c.authority(s.Member)
	}); err != nil {
		return err
	}
	return c.index(keySpent, len(keys), func(at uint64) []byte { return elementKey(keySpent, keys[at][:]...) })
}

func (c *checker) audits() error {
	var entries []journal.Audit
	if err := c.scanLog(keyAudit, journal.Audits, func(_ uint64, entry []byte) error {
		a, err := journal.DecodeAudit(entry)
		if err == nil && a.Epoch > c.f.state.Epoch {
			err = fmt.Errorf("epoch %d has not closed", a.Epoch)
		}
		if err != nil {
			return err
		}
		entries = append(entries, a)
		return c.authority(a.Authority)
	}); err != nil {
		return err
	}
	return c.index(keyAnchored, len(entries), func(at uint64) []byte { return anchoredKey(entries[at].Authority, entries[at].Epoch) })
}

func (c *checker) authority(id fr.Element) error {
	if c.known == nil {
		c.known = map[fr.Element]bool{}
		for _, a := range c.f.dir.Authorities {
			c.known[a.ID] = true
		}
	}
	if !c.known[id] {
		return fmt.Errorf("no authority is %s", field.Hex(id))
	}
	return nil
}

func (c *checker) commitments() error {
	return c.index(keyCommitment, int(c.f.next), func(at uint64) []byte {
		return claimOf(keyCommitment, c.records.Placed[at].Authority, c.cms[at]).key()
	})
}

func (c *checker) locks() error {
	return c.index(keyLock, int(c.f.next), func(at uint64) []byte {
		return claimOf(keyLock, c.records.Placed[at].Authority, c.records.Placed[at].Lock).key()
	})
}
