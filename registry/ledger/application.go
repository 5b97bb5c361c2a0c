package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// application is CometBFT's view of the state. What it does not override is
// what this ledger does not have: vote extensions.
type application struct {
	abci.BaseApplication
	state     *registry.State
	snapshots *snapshots
	joining   *joining            // nil but on a node that takes a snapshot first
	corrupt   func([]byte) []byte // of a test: what a lying member serves
	genesis   []byte
	board     *board
	onBlock   func(blockTime time.Time, r rhythm) // called after each commit, by the consensus goroutine
	linked    func(height uint64) error           // called before a block is shown to readers
	retain    retention
	pending   *pendingBlock // between FinalizeBlock and Commit
}

type pendingBlock struct {
	height  uint64
	time    time.Time
	rhythm  rhythm
	txs     [][]byte
	results []transaction.Result
}

// storeFault is the CheckTx code of a node that cannot read its own state. It
// is none of the protocol's codes and stands in no block.
const storeFault = 1 << 16

func (a *application) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	r := &abci.ResponseInfo{Data: "zkconsent", AppVersion: appVersion}
	v, err := a.state.View()
	if err == registry.ErrNoGenesis {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if v.Height > 0 { // at height 0 CometBFT starts with InitChain again
		hash := v.State.Digest()
		r.LastBlockHeight, r.LastBlockAppHash = int64(v.Height), hash[:]
	}
	return r, nil
}

func (a *application) InitChain(_ context.Context, r *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	var genesis []byte
	if err := json.Unmarshal(r.AppStateBytes, &genesis); err != nil || !bytes.Equal(genesis, a.genesis) {
		return nil, a.board.fail(fmt.Errorf("ledger: app_state is not this home's genesis"))
	}
	hash, err := a.state.InitGenesis(genesis)
	if err != nil {
		return nil, a.board.fail(err)
	}
	if err := a.publish(); err != nil {
		return nil, err
	}
	return &abci.ResponseInitChain{AppHash: hash[:]}, nil
}

func (a *application) CheckTx(_ context.Context, r *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	res, err := a.state.CheckTx(r.Tx)
	if err != nil {
		// CometBFT's mempool panics on an error, in the goroutine of whoever
		// submits. A code keeps the transaction out as well.
		a.board.fail(err)
		return &abci.ResponseCheckTx{Code: storeFault}, nil
	}
	if res.Code != transaction.Executed {
		a.board.answer(r.Tx, res)
	}
	return &abci.ResponseCheckTx{Code: uint32(res.Code), Log: res.Reason}, nil
}

func (a *application) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	out, err := a.state.Apply(registry.Block{Height: uint64(r.Height), Time: uint64(r.Time.Unix()), Txs: r.Txs, Misbehaving: misbehaving(r.Misbehavior)})
	if err != nil {
		return nil, a.board.fail(err)
	}
	a.retain.evidence = uint64(evidenceAge(out.Parameters).MaxAgeNumBlocks) // the stewards may have changed it
	a.pending = &pendingBlock{height: uint64(r.Height), time: r.Time, rhythm: rhythmOf(out.Parameters), txs: r.Txs, results: out.Results}
	// With every block and not only with the one that changes it: a node that
	// restored a snapshot is told no other way, since no header signs it.
	age := types.ConsensusParams{Evidence: evidenceAge(out.Parameters)}
	res := &abci.ResponseFinalizeBlock{
		AppHash:               out.AppHash[:],
		ValidatorUpdates:      powerUpdates(out.Validators),
		ConsensusParamUpdates: &cmtproto.ConsensusParams{Evidence: age.ToProto().Evidence},
	}
	for _, t := range out.Results {
		// Code and Data are part of what the next header signs, Log is not.
		res.TxResults = append(res.TxResults, &abci.ExecTxResult{Code: uint32(t.Code), Data: t.Codes(), Log: t.Reason})
	}
	return res, nil
}

// Commit answers those who wait for a transaction, when its block is on disk
// and not before.
func (a *application) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	if err := a.state.Commit(); err != nil {
		return nil, a.board.fail(err)
	}
	p := a.pending
	a.pending = nil
	if err := a.linked(p.height); err != nil {
		return nil, a.board.fail(err)
	}
	if err := a.publish(); err != nil {
		return nil, err
	}
	for i, raw := range p.txs {
		a.board.answer(raw, p.results[i])
	}
	a.board.expire(p.height + 1)
	a.snapshots.block(p.height)
	if a.joining != nil {
		a.joining.block()
	}
	a.onBlock(p.time, p.rhythm)
	return &abci.ResponseCommit{RetainHeight: int64(a.retain.from(p.height))}, nil
}

// publish shows the newest committed state to readers.
func (a *application) publish() error {
	v, err := a.state.View()
	if err != nil {
		return a.board.fail(err)
	}
	a.board.publish(v)
	return nil
}
