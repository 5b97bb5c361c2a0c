package ledger

// pruneStep is how many blocks go at once: each pruning is two synced writes.
const pruneStep = 50

// retention says from which height on blocks are kept. Blocks are needed by
// members that catch up and by consensus for evidence of late; what a client
// needs of a block outlives it, in the state and in the trail.
type retention struct {
	blocks   uint64        // the newest ones that the operator wants; 0 means all
	evidence uint64        // the newest ones of which a validator may be convicted
	snapshot func() uint64 // height of the oldest snapshot that is kept, 0 without one
}

// from returns the height for consensus, 0 to prune nothing. A member that
// starts from a snapshot needs every block since.
func (r *retention) from(height uint64) uint64 {
	keep := max(r.blocks, r.evidence)
	if r.blocks == 0 || height <= keep {
		return 0
	}
	from := height - keep + 1
	if r.snapshot != nil {
		from = min(from, r.snapshot())
	}
	return from - from%pruneStep
}
