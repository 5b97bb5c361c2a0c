package verifier

import (
	"bytes"
	"crypto/sha256"
	"sync"

	"github.com/zkconsent/zkconsent/consent"
)

// maxPrepared bounds the requests kept ready; one holds half a megabyte at most.
const maxPrepared = 64

// A prepared request has its trees hashed already, and was valid under a
// directory. Value sets take many milliseconds to hash, and nobody who sends
// junk for one request shall make the verifier hash them each time.
type prepared struct {
	stored    [sha256.Size]byte // digest of the stored bytes
	asked     *consent.SignedRequest
	statement *consent.Statement // without what a presentation brings
	directory [sha256.Size]byte  // under which it was valid; zero for none
	used      uint64
}

// preparedSet keeps the prepared requests that were used last.
type preparedSet struct {
	mu   sync.Mutex
	tick uint64
	byID map[[16]byte]*prepared
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

// prepare hashes the trees of a stored request.
func prepare(asked *consent.SignedRequest, stored []byte) (*prepared, error) {
	s, err := asked.Request.Statement(consent.Presented{})
	if err != nil {
		return nil, err
	}
	return &prepared{stored: sha256.Sum256(stored), asked: asked, statement: s}, nil
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
