package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
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

// commitments derives each leaf from its authority, commitment and lock, a run
// of them at a time on all processors: this hashing is most of a check.
func (c *checker) commitments() error {
	type claimed struct {
		at uint64
		cm fr.Element
	}
	run := make([]claimed, 0, 4096)
	derive := func() error {
		wrong := make([]bool, len(run))
		workers := min(runtime.GOMAXPROCS(0), 1+len(run)/64)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(run); i += workers {
					p := &c.records.Placed[run[i].at]
					wrong[i] = consent.Leaf(p.Kind, p.Authority, run[i].cm, p.Lock) != p.Leaf
				}
			})
		}
		wg.Wait()
		if i := slices.Index(wrong, true); i >= 0 {
			return damaged("commitment index", "leaf %d is not that of its commitment", run[i].at)
		}
		run = run[:0]
		return nil
	}
	if err := c.scan(keyCommitment, c.f.next, func(_ uint64, key, value []byte) error {
		at, err := position(value, len(c.records.Placed))
		if err != nil || len(key) != 2*field.Size {
			return damaged("commitment index", "an entry points to no leaf")
		}
		cm, err := field.Parse(key[field.Size:])
		if a := c.records.Placed[at].Authority.Bytes(); err != nil || !bytes.Equal(key[:field.Size], a[:]) || cm != c.cms[at] {
			return damaged("commitment index", "leaf %d is not that of its commitment", at)
		}
		if run = append(run, claimed{at, cm}); len(run) == cap(run) {
			return derive()
		}
		return nil
	}); err != nil {
		return err
	}
	return derive()
}

func (c *checker) locks() error {
	return c.index(keyLock, int(c.f.next), func(at uint64) []byte {
		return elementKey(keyLock, c.records.Placed[at].Authority, c.records.Placed[at].Lock)
	})
}
