package verifier

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
)

// Bounds of the withdrawal log's local copy.
const (
	maxWithdrawals = 1 << 24 // 40 bytes each
	// DefaultWatchTags bounds the watch tags kept for stable scopes, of about
	// 100 bytes each. A scope that falls out is hashed again when it returns.
	DefaultWatchTags = 1 << 21
	checkEvery       = 256 // hashes between two looks at the context
)

// A withdrawnKey is a published withdrawal, as its withdrawal key: every scope
// needs that, and none needs the secret again.
type withdrawnKey struct {
	w  fr.Element
	at uint64
}

// withdrawals is the local copy of the whole withdrawal log, with the watch
// tags of the scopes that are asked for repeatedly.
type withdrawals struct {
	log   *treeLog
	limit int // of tags

	mu      sync.Mutex // guards all below; keys is only ever appended to
	keys    []withdrawnKey
	scopes  map[fr.Element]*scopeTags
	counted int // tags in scopes
	tick    uint64
}

// A met is the withdrawal that an answer meets.
type met struct {
	position uint64 // in the log
	at       uint64 // time of its block
}

// A scopeTags is the set of the watch tags of keys[:done] in one scope, each
// with the first withdrawal that has it.
type scopeTags struct {
	building sync.Mutex
	first    map[fr.Element]met
	done     int
	used     uint64 // guarded by withdrawals.mu, as is counted
	counted  int
}

func newWithdrawals(limit int) *withdrawals {
	return &withdrawals{log: newTreeLog(false), limit: limit, scopes: map[fr.Element]*scopeTags{}}
}

// extend takes the entries up to count, which must end in root.
func (w *withdrawals) extend(ctx context.Context, src RootSource, count uint64, root [32]byte) error {
	if count > maxWithdrawals {
		return fmt.Errorf("verifier: %d withdrawals are more than the %d that this version holds", count, maxWithdrawals)
	}
	var raw [][]byte
	var keys []withdrawnKey
	for next := w.log.size(); next < count; next = w.log.size() + uint64(len(keys)) {
		page, err := src.Withdrawals(ctx, next, count)
		if err != nil {
			return away(fmt.Sprintf("withdrawals from %d", next), err)
		}
		if len(page) == 0 || uint64(len(page)) > count-next {
			return fmt.Errorf("%w: %d withdrawals from %d to %d", ErrSource, len(page), next, count)
		}
		for i, e := range page {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			v := e.V.Bytes()
			raw = append(raw, binary.BigEndian.AppendUint64(v[:], e.At))
			keys = append(keys, withdrawnKey{consent.WithdrawalKey(e.V), e.At})
		}
	}
	if err := w.log.extend(raw, root); err != nil {
		return err
	}
	w.mu.Lock()
	w.keys = append(w.keys, keys...)
	w.mu.Unlock()
	return nil
}

// find says whether a withdrawal's watch tag in scope is watch, and which is
// the first. Stable scopes keep their tags; others are hashed over the whole
// log.
func (w *withdrawals) find(ctx context.Context, scope, watch fr.Element, stable bool) (m met, found bool, err error) {
	w.mu.Lock()
	keys := w.keys
	var tags *scopeTags
	if stable && len(keys) <= w.limit {
		tags = w.scopes[scope]
		if tags == nil {
			tags = &scopeTags{first: map[fr.Element]met{}}
			w.scopes[scope] = tags
		}
		w.tick++
		tags.used = w.tick
		w.counted += len(keys) - tags.counted
		tags.counted = len(keys)
		w.evict(scope)
	}
	w.mu.Unlock()

	if tags == nil {
		for i, k := range keys {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return met{}, false, ctx.Err()
			}
			if t := consent.Watch(k.w, scope); t.Equal(&watch) {
				return met{uint64(i), k.at}, true, nil
			}
		}
		return met{}, false, nil
	}
	tags.building.Lock()
	defer tags.building.Unlock()
	for ; tags.done < len(keys); tags.done++ {
		if tags.done%checkEvery == 0 && ctx.Err() != nil {
			return met{}, false, ctx.Err()
		}
		k := keys[tags.done]
		t := consent.Watch(k.w, scope)
		if _, seen := tags.first[t]; !seen {
			tags.first[t] = met{uint64(tags.done), k.at}
		}
	}
	m, found = tags.first[watch]
	return m, found, nil
}

// tags are the watch tags in scope of the withdrawals from a position on, of
// which there are few: nothing is kept of them.
func (w *withdrawals) tags(scope fr.Element, from uint64) map[fr.Element]met {
	out := map[fr.Element]met{}
	for i, k := range w.after(from) {
		t := consent.Watch(k.w, scope)
		if _, seen := out[t]; !seen {
			out[t] = met{from + uint64(i), k.at}
		}
	}
	return out
}

// after are the withdrawals from a position on. They do not change.
func (w *withdrawals) after(from uint64) []withdrawnKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[min(from, uint64(len(w.keys))):]
}

// evict drops the scopes that were not used for longest until the rest, with
// the one in use, is within the limit. w.mu is held.
func (w *withdrawals) evict(inUse fr.Element) {
	for w.counted > w.limit && len(w.scopes) > 1 {
		var oldest fr.Element
		least := ^uint64(0)
		for s, t := range w.scopes {
			if !s.Equal(&inUse) && t.used < least {
				oldest, least = s, t.used
			}
		}
		w.counted -= w.scopes[oldest].counted
		delete(w.scopes, oldest)
	}
}
