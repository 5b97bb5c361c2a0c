package wallet

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A Submitter puts a transaction on the ledger and waits for its block.
type Submitter interface {
	Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error)
}

// A Stamper is a [Relay] that needs no authority: it pays with work, so nobody
// can stand between a patient and a withdrawal (docs/spec.md §7).
type Stamper struct {
	Ledger Ledger
	Submit Submitter
}

// expiryBlocks is how many blocks a stamped transaction stays valid.
const expiryBlocks = 500

// An ItemError reports an item that the ledger did not accept.
type ItemError struct {
	Code transaction.ItemCode
}

func (e *ItemError) Error() string { return "wallet: the ledger refused: " + e.Code.String() }

// Withdraw publishes v.
func (s *Stamper) Withdraw(ctx context.Context, v fr.Element) error {
	return s.send(ctx, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{v}), transaction.RepeatedSecret)
}

// Revoke publishes rs for the leaf at index.
func (s *Stamper) Revoke(ctx context.Context, index uint64, rs fr.Element) error {
	payload := transaction.RevocationPayload([]transaction.Revocation{{Index: index, RS: rs}})
	return s.send(ctx, transaction.Revoke, payload, transaction.AlreadyRevoked)
}

func (s *Stamper) send(ctx context.Context, kind transaction.Kind, payload []byte, done transaction.ItemCode) error {
	snap, err := s.Ledger.Snapshot(ctx)
	if err != nil {
		return err
	}
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	t := &transaction.Transaction{
		Genesis: snap.Head.State.Genesis, Expiry: snap.Head.Height + expiryBlocks,
		Nonce: binary.BigEndian.Uint64(nonce[:]), Kind: kind, Payload: payload,
	}
	if err := t.Stamp(ctx, snap.Directory.Parameters.PowBits); err != nil {
		return err
	}
	r, err := s.Submit.Submit(ctx, t)
	if err != nil {
		return err
	}
	if err := r.Refused(); err != nil {
		return err
	}
	if len(r.Items) != 1 {
		return fmt.Errorf("%w: %d codes for one item", ErrLedger, len(r.Items))
	}
	if c := r.Items[0]; c != transaction.Accepted && c != done {
		return &ItemError{c}
	}
	return nil
}
