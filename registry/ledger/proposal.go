package ledger

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A proposal is the transactions of one block as they are gathered or judged.
// Each must be one that the committed state would execute, which all members
// hold alike, so that a proposer who obeys the rules is never refused. Two of
// them can still stand in each other's way; a block therefore has no two
// copies of one that differ in their signatures alone, and one decision of the
// stewards: the next one waits for the next block, where its sequence number
// and its approvals are judged by what the first has changed.
//
// What remains is what a decision, or evidence of two votes, takes from the
// others in its block: an authority that it switched off is refused there, as
// it is later. Execution judges, and a refused transaction leaves no trace.
type proposal struct {
	app      *application
	seen     map[[32]byte]bool
	governed bool
}

// takes reports whether the block may hold the transaction beside those that
// it has taken. The error is the store's.
func (p *proposal) takes(raw []byte) (bool, error) {
	t, err := transaction.Decode(raw)
	if err != nil {
		return false, nil
	}
	// First what costs nothing: a decision that has to wait is not worth the
	// check of its approvals for every block.
	d := t.Digest()
	if p.seen[d] || t.Kind.Governed() && p.governed {
		return false, nil
	}
	res, err := p.app.state.CheckTx(raw)
	if err != nil || res.Code != transaction.Executed {
		return false, err
	}
	p.seen[d] = true
	p.governed = p.governed || t.Kind.Governed()
	return true, nil
}

func (a *application) proposal() *proposal {
	return &proposal{app: a, seen: map[[32]byte]bool{}}
}

// PrepareProposal proposes what fits into a block together. The rest stays in
// the mempool, which asks for it again or drops it after the block.
func (a *application) PrepareProposal(_ context.Context, r *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	var txs [][]byte
	var size int64
	p := a.proposal()
	for _, raw := range r.Txs {
		if size += int64(len(raw)); size > r.MaxTxBytes {
			break
		}
		ok, err := p.takes(raw)
		if err != nil {
			return nil, a.board.fail(err)
		}
		if ok {
			txs = append(txs, raw)
		}
	}
	return &abci.ResponsePrepareProposal{Txs: txs}, nil
}

// ProcessProposal refuses a block that no proposer who obeys the rules makes.
func (a *application) ProcessProposal(_ context.Context, r *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	p := a.proposal()
	for _, raw := range r.Txs {
		ok, err := p.takes(raw)
		if err != nil {
			return nil, a.board.fail(err)
		}
		if !ok {
			return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
		}
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}
