package wallet

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/cosmos/go-bip39"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// keys are the keys of a holder (docs/spec.md §3).
type keys struct {
	secret
	prk      []byte // HKDF's extracted key, from which v_i and rs_i expand
	ask      redsig.SecretKey
	ak       redsig.Point
	nk       fr.Element
	nonceKey [redsig.NonceKeySize]byte
	holder   fr.Element
}

func deriveKeys(w Words) (*keys, error) {
	if w.entropy == nil {
		return nil, errors.New("wallet: no words")
	}
	seed := bip39.NewSeed(w.Reveal(), "")
	prk, err := hkdf.Extract(sha256.New, seed, []byte(field.Prefix+"wallet"))
	if err != nil {
		return nil, fmt.Errorf("wallet: deriving keys: %w", err)
	}
	k := &keys{prk: prk}
	wide, err := k.expand("ask", 64)
	if err != nil {
		return nil, err
	}
	if k.ask, err = redsig.NewSecretKey([64]byte(wide)); err != nil {
		return nil, err
	}
	if k.ak, err = k.ask.Public(); err != nil {
		return nil, err
	}
	if wide, err = k.expand("nk", 64); err != nil {
		return nil, err
	}
	k.nk.SetBytes(wide)
	nonce, err := k.expand("nonce", redsig.NonceKeySize)
	if err != nil {
		return nil, err
	}
	k.nonceKey = [redsig.NonceKeySize]byte(nonce)
	k.holder = consent.HolderOf(k.ak.X(), k.ak.Y(), k.nk)
	return k, nil
}

func (k *keys) expand(label string, n int) ([]byte, error) {
	b, err := hkdf.Expand(sha256.New, k.prk, label, n)
	if err != nil {
		return nil, fmt.Errorf("wallet: deriving keys: %w", err)
	}
	return b, nil
}

// withdrawal is v_i, whose publication withdraws record i.
func (k *keys) withdrawal(i uint64) (fr.Element, error) { return k.numbered("v", i) }

// revocation is rs_i, which opens the lock of record i.
func (k *keys) revocation(i uint64) (fr.Element, error) { return k.numbered("rs", i) }

// lock is H(LOCK; rs_i).
func (k *keys) lock(i uint64) (fr.Element, error) {
	rs, err := k.revocation(i)
	return consent.Lock(rs), err
}

func (k *keys) numbered(label string, i uint64) (e fr.Element, err error) {
	wide, err := k.expand(label+string(binary.BigEndian.AppendUint64(nil, i)), 64)
	if err != nil {
		return e, err
	}
	e.SetBytes(wide)
	return e, nil
}
