package proving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover"
)

// A Prover makes proofs. *[prover.Prover] is one.
type Prover interface {
	Circuits() []consent.CircuitID
	Entry(consent.CircuitID) (manifest.Entry, bool)
	Load(context.Context, consent.CircuitID) error
	ProveInStages(context.Context, *consent.Statement, *consent.Witness, func(prover.Stage)) (consent.Proof, error)
}

// Config is what a service is told.
type Config struct {
	// Prover makes the proofs.
	Prover Prover

	// Circuits are those that are served. Empty serves all of the prover's.
	Circuits []consent.CircuitID

	// Workers is how many proofs are made at a time. 0 takes half of the
	// processors that Go may use, one at least, and no more than Memory allows:
	// a proof uses all of them for most of its time.
	Workers int

	// Memory bounds in bytes what the proofs under way allocate together, keys
	// aside; 0 is 1 GiB. A proof by Groth16 is counted with 32 MiB and one by
	// PLONK with 288 MiB, the most that one proof of the largest circuit
	// allocates from its beginning to its end, whenever the collector runs.
	Memory int64

	// Queue is how many requests may wait for a place beside those that have
	// one; 0 is 32, and less than 0 is none. A request that waits holds some
	// 20 kB.
	Queue int

	// PerPrincipal is how many requests of one principal may wait or be under
	// way; 0 is a quarter of Workers and Queue together, one at least. Callers
	// without a principal count as one. A principal that speaks for many
	// patients needs more.
	PerPrincipal int

	// Log takes what the operator must know: circuits that fail, never what was
	// proved or for whom. nil means silence.
	Log *slog.Logger
}

// What a proof is counted with, by scheme; see Config.Memory.
const (
	groth16Proof = 32 << 20
	plonkProof   = 288 << 20

	defaultMemory = 1 << 30
	defaultQueue  = 32
)

// filled returns the configuration with the values that stand for zeros.
func (c Config) filled() (Config, error) {
	if c.Prover == nil {
		return c, errors.New("proving: no prover")
	}
	if len(c.Circuits) == 0 {
		c.Circuits = c.Prover.Circuits()
	}
	if len(c.Circuits) == 0 {
		return c, errors.New("proving: no circuit to serve")
	}
	dearest := int64(groth16Proof)
	for _, id := range c.Circuits {
		if _, ok := c.Prover.Entry(id); !ok {
			return c, fmt.Errorf("proving: the prover has no keys of %q", string(id))
		}
		if id.Scheme() == consent.Plonk {
			dearest = plonkProof
		}
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	allowed := int(c.Memory / dearest)
	switch {
	case c.Workers < 0 || c.PerPrincipal < 0 || c.Memory < 0:
		return c, errors.New("proving: workers, memory and requests per principal cannot be negative")
	case allowed == 0:
		return c, fmt.Errorf("proving: memory for proofs is %d bytes, one takes %d", c.Memory, dearest)
	case c.Workers == 0:
		c.Workers = min(max(1, runtime.GOMAXPROCS(0)/2), allowed)
	case c.Workers > allowed:
		return c, fmt.Errorf("proving: %d proofs at a time take %d bytes, memory for proofs is %d", c.Workers, int64(c.Workers)*dearest, c.Memory)
	}
	switch {
	case c.Queue == 0:
		c.Queue = defaultQueue
	case c.Queue < 0:
		c.Queue = 0
	}
	if c.PerPrincipal == 0 {
		c.PerPrincipal = max(1, (c.Workers+c.Queue)/4)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
