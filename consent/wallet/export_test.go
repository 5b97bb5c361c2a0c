package wallet

import "github.com/consensys/gnark-crypto/ecc/bn254/fr"

// Plaintext is what the wallet would encrypt.
func Plaintext(w *Wallet) []byte { return w.data.encode() }

// Salt is the salt of a consent.
func Salt(w *Wallet, id ID) fr.Element {
	r, err := w.data.consent(id)
	if err != nil {
		return fr.Element{}
	}
	return r.salt
}

// Numbered are v_i and rs_i, which withdraw and revoke record i.
func Numbered(w *Wallet, i uint64) (v, rs fr.Element, err error) {
	if v, err = w.keys.withdrawal(i); err != nil {
		return v, rs, err
	}
	rs, err = w.keys.revocation(i)
	return v, rs, err
}
