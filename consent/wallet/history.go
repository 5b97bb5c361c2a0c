package wallet

import (
	"math"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Disclosure is one presentation of the past: who learned what, for what, and
// until when it may be relied upon. It is the patient's own record and is as
// private as the wallet.
type Disclosure struct {
	At         consent.Time
	Request    [16]byte
	Circuit    consent.CircuitID
	Signer     fr.Element
	SignerName string
	Purpose    codes.Purposes
	Categories codes.Categories
	Labels     []string // of the predicates that were answered
	Rule       consent.Rule
	Context    string
	Until      consent.Time
	Nullifier  fr.Element
	Epoch      uint64
	Consent    ID // zero where none was used
	Credential ID
}

// History lists what was disclosed, oldest first.
func (w *Wallet) History() []Disclosure {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Disclosure(nil), w.data.history...)
}

func (h *Disclosure) encode(e *tlv.Encoder) {
	e.Uint(1, uint64(h.At))
	e.Bytes(2, h.Request[:])
	e.String(3, string(h.Circuit))
	e.Element(4, h.Signer)
	e.String(5, h.SignerName)
	e.Uint(6, uint64(h.Purpose))
	e.Uint(7, uint64(h.Categories))
	e.List(8, len(h.Labels), func(i int, e *tlv.Encoder) { e.String(1, h.Labels[i]) })
	e.String(9, string(h.Rule))
	e.String(10, h.Context)
	e.Uint(11, uint64(h.Until))
	e.Element(12, h.Nullifier)
	e.Uint(13, h.Epoch)
	e.Bytes(14, h.Consent[:])
	e.Bytes(15, h.Credential[:])
}

func decodeDisclosure(d *tlv.Decoder) (h Disclosure) {
	h.At = consent.Time(d.Uint(1, "at", uint64(consent.MaxTime)))
	copy(h.Request[:], d.Bytes(2, "request", 16, 16))
	h.Circuit = consent.CircuitID(d.String(3, "circuit", 64))
	h.Signer = d.Element(4, "signer")
	h.SignerName = d.String(5, "signer name", maxHistoryText)
	h.Purpose = codes.Purposes(d.Uint(6, "purpose", math.MaxUint64))
	h.Categories = codes.Categories(d.Uint(7, "categories", math.MaxUint64))
	d.List(8, "labels", 8, func(_ int, d *tlv.Decoder) { h.Labels = append(h.Labels, d.String(1, "label", maxHistoryText)) })
	h.Rule = consent.Rule(d.String(9, "rule", 16))
	h.Context = d.String(10, "context", maxHistoryText)
	h.Until = consent.Time(d.Uint(11, "until", uint64(consent.MaxTime)))
	h.Nullifier = d.Element(12, "nullifier")
	h.Epoch = d.Uint(13, "epoch", math.MaxUint64)
	copy(h.Consent[:], d.Bytes(14, "consent", 16, 16))
	copy(h.Credential[:], d.Bytes(15, "credential", 16, 16))
	return h
}

// moment is the wallet's clock as the protocol writes times. It is never 0,
// which means "no time": a machine that lost its clock and stands at 1970 must
// not lose a withdrawal with it.
func (w *Wallet) moment() consent.Time { return protocolTime(w.now()) }

func protocolTime(t time.Time) consent.Time {
	return consent.Time(min(uint64(max(t.Unix(), 1)), uint64(consent.MaxTime)))
}
