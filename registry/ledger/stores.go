package ledger

import (
	"errors"
	"sync"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
)

// stores keeps CometBFT's databases open beyond its own Stop. Its goroutines
// for peers outlive Stop by their last sleep, and a read of a closed database
// is a panic that would end the process.
type stores struct {
	mu  sync.Mutex
	dbs map[string]dbm.DB
}

func (s *stores) open(c *config.DBContext) (dbm.DB, error) {
	db, err := config.DefaultDBProvider(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dbs == nil {
		s.dbs = map[string]dbm.DB{}
	}
	s.dbs[c.ID] = db
	return held{db}, nil
}

// db is an open database by CometBFT's name for it.
func (s *stores) db(id string) dbm.DB {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dbs[id]
}

func (s *stores) close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, db := range s.dbs {
		err = errors.Join(err, db.Close())
	}
	s.dbs = nil
	return err
}

// held is a database that its user does not close.
type held struct{ dbm.DB }

func (held) Close() error { return nil }
