package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
)

// ErrPosition reports a position that the withdrawal log does not reach.
var ErrPosition = errors.New("verifier: the withdrawal log does not reach this position")

// A Mark says how far the withdrawal log was looked at.
type Mark struct {
	// Next is where to go on from. It stays behind Count as long as an answer
	// may still be kept that a withdrawal from there on meets.
	Next  uint64
	Count uint64       // withdrawals that the head signs
	Head  consent.Time // time of the newest verified block
}

// Withdrawn shows each standing answer that a withdrawal at or after a position
// of the ledger's log meets (docs/spec.md §12), and says where to go on. Who
// does so from the mark's Next is shown every such answer at least once,
// whichever replica of the store it asks, and after whatever restart.
//
// An answer is kept a while after the look at the ledger that it was decided
// under, and a withdrawal may come in between: one replica's decision may be
// kept after another replica has looked. So a withdrawal is done with only when
// the head is younger than it by all the time that a decision under an older
// head can take: the ledger's maxHeadAge, the skew of two clocks, and twice
// DecideWithin. Until then the answers that it meets are shown in every call.
//
// each is called in order of the requests' ids; its error ends the walk and is
// returned, with a mark that goes no further than from. No lock is held
// meanwhile, and no more than a page of answers.
func (v *Verifier) Withdrawn(ctx context.Context, from uint64, each func(Standing) error) (Mark, error) {
	s, mark, err := v.mark(ctx, from)
	if err != nil {
		return Mark{Next: from}, err
	}
	if from < mark.Count {
		if err := v.showWithdrawn(ctx, s, from, each); err != nil {
			mark.Next = from
			return mark, err
		}
	}
	return mark, nil
}

// Mark says how far Withdrawn would get from a position, without a look at the
// answers.
func (v *Verifier) Mark(ctx context.Context, from uint64) (Mark, error) {
	_, mark, err := v.mark(ctx, from)
	return mark, err
}

func (v *Verifier) mark(ctx context.Context, from uint64) (*sight, Mark, error) {
	s, err := v.ledger.look(ctx)
	if err != nil {
		return nil, Mark{}, err
	}
	count := s.head.State.Withdrawals.Count
	if from > count {
		return nil, Mark{}, fmt.Errorf("%w: %d, there are %d", ErrPosition, from, count)
	}
	next, settled := from, v.settled(s)
	for _, k := range s.withdrawn.after(from) {
		if next == count || k.at > settled {
			break
		}
		next++
	}
	return s, Mark{Next: next, Count: count, Head: consent.Time(s.head.Time)}, nil
}

// settled is the time up to which a withdrawal is done with. Another replica
// may still decide under the directory of before, so a lower maxHeadAge does not
// count where this one has seen a higher one.
func (v *Verifier) settled(s *sight) uint64 {
	lag := min(s.longest, uint64(consent.MaxTime)) + uint64((consent.ClockSkew+2*v.c.DecideWithin)/time.Second)
	if s.head.Time < lag {
		return 0
	}
	return s.head.Time - lag
}

// fewWithdrawals are as many as are hashed for each scope of a page anew: the
// tags of all scopes that answers stand in need not fit the memory.
const fewWithdrawals = 64

func (v *Verifier) showWithdrawn(ctx context.Context, s *sight, from uint64, each func(Standing) error) error {
	few := uint64(len(s.withdrawn.after(from))) <= fewWithdrawals
	var after *[16]byte
	for {
		page, err := v.c.Store.Standing(ctx, consent.Time(max(v.c.Now().Unix(), 0)), after, standingPage)
		if err != nil {
			return unable("kept answers", err)
		}
		if len(page) == 0 {
			return nil
		}
		recent := map[fr.Element]map[fr.Element]met{} // by scope
		for i := range page {
			a := &page[i]
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if a.Watch.IsZero() {
				continue // no consent was proved
			}
			var m met
			var found bool
			if few {
				if recent[a.Scope] == nil {
					recent[a.Scope] = s.withdrawn.tags(a.Scope, from)
				}
				m, found = recent[a.Scope][a.Watch]
			} else if m, found, err = s.withdrawn.find(ctx, a.Scope, a.Watch, true); err != nil {
				return err
			}
			if !found || m.position < from {
				continue
			}
			st := standing(a)
			st.Withdrawn, st.Since = true, consent.Time(m.at)
			if err := each(st); err != nil {
				return err
			}
		}
		last := page[len(page)-1].Request
		after = &last
	}
}
