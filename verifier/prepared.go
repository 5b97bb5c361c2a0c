package verifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/zkconsent/zkconsent/consent"
)

// maxPrepared bounds the requests kept ready; one holds half a megabyte at most.
const maxPrepared = 64

// A prepared request has its trees hashed already, and was valid under a
// directory. Value sets take up to a second to hash, and nobody who sends junk
// for a request, or for many that ask the same, shall make the verifier hash
// them each time.
type prepared struct {
	stored    [sha256.Size]byte // digest of the stored bytes
	asked     *consent.SignedRequest
	statement *consent.Statement // without what a presentation brings
	directory [sha256.Size]byte  // under which it was valid; zero for none
	used      uint64
}

// maxRooted bounds the lists of trees whose roots are kept: as many as there can
// be policies. Each takes some hundred bytes.
const maxRooted = 256

// rooted are the roots of the trees of all requests that bring the same.
type rooted struct {
	hash  sync.Once
	roots consent.Roots
	err   error
	used  uint64
}

var errUnhashed = errors.New("verifier: the request's trees could not be hashed")

// preparedSet keeps the prepared requests that were used last, and the roots of
// their trees for longer.
type preparedSet struct {
	mu     sync.Mutex
	tick   uint64
	byID   map[[16]byte]*prepared
	trees  map[[sha256.Size]byte]*rooted
	hashed int // lists of trees that were hashed
}

// get returns the prepared form of exactly these stored bytes, or nil.
func (s *preparedSet) get(id [16]byte, stored [sha256.Size]byte) *prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byID[id]
	if p == nil || !bytes.Equal(p.stored[:], stored[:]) {
		return nil
	}
	s.tick++
	p.used = s.tick
	copied := *p
	return &copied
}

func (s *preparedSet) put(p prepared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[[16]byte]*prepared{}
	}
	s.tick++
	p.used = s.tick
	s.byID[p.asked.Request.ID] = &p
	for len(s.byID) > maxPrepared {
		var oldest [16]byte
		least := s.tick + 1
		for id, q := range s.byID {
			if q.used < least {
				oldest, least = id, q.used
			}
		}
		delete(s.byID, oldest)
	}
}

// prepare makes a stored request ready. Calls at once for requests with the same
// trees wait for the one that hashes them.
func (s *preparedSet) prepare(asked *consent.SignedRequest, stored []byte) (*prepared, error) {
	r := asked.Request
	t := s.of(treesOf(r))
	t.hash.Do(func() {
		t.roots, t.err = r.Roots()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hashed++
	})
	if t.err != nil {
		return nil, t.err
	}
	return &prepared{stored: sha256.Sum256(stored), asked: asked, statement: r.StatementUnder(t.roots, consent.Presented{})}, nil
}

// treesOf names the trees that a request brings.
func treesOf(r *consent.Request) (name [sha256.Size]byte) {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	part([]byte(r.Circuit))
	part(r.Trust.Encode())
	for i := range r.Sets {
		part(r.Sets[i].Set.Encode())
	}
	h.Sum(name[:0])
	return name
}

// of returns the place for the roots of trees.
func (s *preparedSet) of(name [sha256.Size]byte) *rooted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trees == nil {
		s.trees = map[[sha256.Size]byte]*rooted{}
	}
	s.tick++
	t := s.trees[name]
	if t == nil {
		t = &rooted{err: errUnhashed}
		s.trees[name] = t
	}
	t.used = s.tick
	for len(s.trees) > maxRooted {
		oldest, least := name, s.tick
		for n, q := range s.trees {
			if q.used < least {
				oldest, least = n, q.used
			}
		}
		delete(s.trees, oldest)
	}
	return t
}

// with is the request's statement for what a presentation shows: the same as
// consent's Request.Statement, without hashing its trees again.
func (p *prepared) with(shown consent.Presented) *consent.Statement {
	r, s := p.asked.Request, *p.statement
	s.Epoch = shown.Epoch
	s.Root, s.Scope, s.Nullifier = shown.Root, r.Scope(shown.Rk), shown.Nullifier
	s.RkX, s.RkY = shown.RkX, shown.RkY
	if r.Circuit.ProvesConsent() {
		s.Watch = shown.Watch
	}
	return &s
}
