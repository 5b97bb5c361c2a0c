package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/mempool"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

var (
	_ light.Source = (*Node)(nil)
	_ Member       = (*Node)(nil)
)

// Submit sends a transaction and returns its result message when its block is
// committed and on disk, or when it is refused.
func (n *Node) Submit(ctx context.Context, raw []byte) ([]byte, error) {
	r, err := n.submit(ctx, raw)
	if err != nil {
		return nil, err
	}
	return r.Encode(), nil
}

func (n *Node) submit(ctx context.Context, raw []byte) (transaction.Result, error) {
	r, err := n.state.CheckTx(raw)
	if err != nil || r.Code != transaction.Executed {
		return r, err
	}
	t, err := transaction.Decode(raw)
	if err != nil {
		return transaction.Result{}, err
	}
	w := n.board.wait(raw, t.Expiry)
	defer n.board.leave(raw, w)
	err = n.use(func() error {
		return n.comet.Mempool().CheckTx(raw, func(*abci.ResponseCheckTx) {}, mempool.TxInfo{})
	})
	var full mempool.ErrMempoolIsFull
	switch {
	case errors.As(err, &full):
		return transaction.Result{}, fmt.Errorf("%w: %w", light.ErrBusy, err)
	case errors.Is(err, mempool.ErrTxInCache):
		// Somebody else sent it. If it was executed since the check above,
		// nobody will answer any more.
		if r, err := n.state.CheckTx(raw); err != nil || r.Code != transaction.Executed {
			return r, err
		}
	case err != nil:
		return transaction.Result{}, fmt.Errorf("ledger: submitting: %w", err)
	}
	select {
	case r := <-w.done:
		return r, nil
	case <-ctx.Done():
		return transaction.Result{}, fmt.Errorf("%w: %w", light.ErrUnknownOutcome, ctx.Err())
	case <-n.board.broken:
		return transaction.Result{}, fmt.Errorf("%w: %w", light.ErrUnknownOutcome, n.board.failure())
	case <-n.stopped:
		return transaction.Result{}, fmt.Errorf("%w: %w", light.ErrUnknownOutcome, ErrStopped)
	}
}

// Head returns the newest state with the header that signs it. The header of
// height h+1 signs the state after block h; after a block that changed the
// state the next one comes at once, and Head waits for it.
func (n *Node) Head(ctx context.Context) (*directory.Head, error) {
	h, _, err := n.head(ctx)
	return h, err
}

func (n *Node) head(ctx context.Context) (*directory.Head, registry.View, error) {
	var none registry.View
	_, since, _ := n.board.newest()
	for {
		height, _, tick := n.board.newest()
		if height > since {
			var h *directory.Head
			var v registry.View
			if err := n.use(func() (err error) { h, v, err = n.signed(height); return err }); err != nil {
				return nil, none, err
			}
			if h != nil {
				return h, v, nil
			}
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return nil, none, ctx.Err()
		case <-n.board.broken:
			return nil, none, n.board.failure()
		case <-n.stopped:
			return nil, none, ErrStopped
		}
	}
}

// signed builds the head of a height, nil when the state that its header
// signs is no longer kept. It has no trail: who follows puts one together.
func (n *Node) signed(height uint64) (*directory.Head, registry.View, error) {
	var none registry.View
	h, raw, err := n.chain.signed(height)
	if err != nil || h == nil {
		return nil, none, err
	}
	v, ok := n.board.signed(h.AppHash)
	if !ok {
		return nil, none, nil
	}
	return &directory.Head{State: v.State, Height: height, Time: uint64(h.Time.Unix()), SignedHeader: raw}, v, nil
}

// Header returns the light block of a height, in the form that trails have. A
// node that joined by a snapshot has none below it.
func (n *Node) Header(_ context.Context, height uint64) (raw []byte, err error) {
	err = n.use(func() error {
		if height == 0 || height > math.MaxInt64 {
			return fmt.Errorf("%w: height %d", light.ErrRange, height)
		}
		_, raw, err = n.chain.signed(height)
		if err == nil && raw == nil {
			err = fmt.Errorf("%w: height %d", light.ErrRange, height)
		}
		return err
	})
	return raw, err
}

// Checkpoint returns the checkpoint message of [Node.Head].
func (n *Node) Checkpoint(ctx context.Context) ([]byte, error) {
	h, err := n.Head(ctx)
	if err != nil {
		return nil, err
	}
	return h.Encode(), nil
}

// Directory returns the directory message of the state that the newest header
// signs. Unlike [Node.Head] it waits for no block where it need not: under load
// a client that just took the checkpoint would always get the directory of the
// next one, and call the node a liar.
func (n *Node) Directory(ctx context.Context) ([]byte, error) {
	if height, _, _ := n.board.newest(); height > 0 {
		var h *directory.Head
		var v registry.View
		if err := n.use(func() (err error) { h, v, err = n.signed(height); return err }); err != nil {
			return nil, err
		}
		if h != nil {
			return v.Directory, nil
		}
	}
	_, v, err := n.head(ctx)
	return v.Directory, err
}

// Log returns entries of a log; see [registry.State.Log].
func (n *Node) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	out, err := n.state.Log(ctx, k, from, max)
	return out, known(err)
}

// Layer returns roots of buckets; see [registry.State.Layer].
func (n *Node) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	_, roots, err := n.state.Layer(ctx, from, max)
	return roots, known(err)
}

// Changes returns the buckets that an epoch changed; see
// [registry.State.Changes].
func (n *Node) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := n.state.Changes(ctx, epoch)
	return b, known(err)
}

// Bucket returns the leaves of a bucket; see [registry.State.Bucket].
func (n *Node) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	b, err := n.state.Bucket(ctx, number, root)
	return b, known(err)
}

// Anchor returns an epoch's anchor; see [registry.State.Anchor].
func (n *Node) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := n.state.Anchor(ctx, epoch)
	return b, known(err)
}

// known adds the meaning that a light.Source gives to an error of the state.
func known(err error) error {
	switch {
	case errors.Is(err, registry.ErrRange):
		return fmt.Errorf("%w: %w", light.ErrRange, err)
	case errors.Is(err, registry.ErrReplaced):
		return fmt.Errorf("%w: %w", light.ErrReplaced, err)
	}
	return err
}

// Trail returns light blocks around changes of validators; see [light.Trailer].
func (n *Node) Trail(_ context.Context, above uint64) ([][]byte, error) {
	return n.trail.above(above), nil
}
