package circuits

import (
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/poseidon"
	"github.com/zkconsent/zkconsent/circuits/gadget/predicate"
	"github.com/zkconsent/zkconsent/consent"
)

// Sizes of docs/spec.md §9.1 and §9.3.
const (
	RecordDepth = 15
	rangeCount  = 4
	timeBits    = 40
	maskBits    = 64 // purposes and categories
	termBits    = 32 // restrictions
)

// variable keeps the circuits' structs readable.
type variable = frontend.Variable

// parts is what the parts of one circuit share while it is defined.
type parts struct {
	api  frontend.API
	hash *poseidon.Hasher
}

func newParts(api frontend.API) (*parts, error) {
	h, err := poseidon.New(api)
	if err != nil {
		return nil, err
	}
	return &parts{api, h}, nil
}

func (p *parts) assertOrder(times ...variable) {
	for i := range len(times) - 1 {
		predicate.AssertAtMost(p.api, times[i], times[i+1], timeBits)
	}
}

func (p *parts) assertMember(leaf variable, path merkle.Path, root variable) {
	merkle.AssertMember(p.api, p.hash, leaf, path, root)
}

// assertTrusted proves that an authority is in a list. The list's empty places
// hold 0; that no record carries 0 for its authority is the ledger's care, and
// for one constraint does not have to be trusted.
func (p *parts) assertTrusted(authority variable, path merkle.Path, root variable) {
	p.api.AssertIsDifferent(authority, 0)
	p.assertMember(authority, path, root)
}

// bind ties a public input that nothing else uses into a constraint: gnark's
// Groth16 would leave it free, and a proof would serve any value of it.
func (p *parts) bind(v variable) { p.api.Mul(v, v) }

// slots is a private choice of one attribute slot.
type slots = [consent.Slots]frontend.Variable
