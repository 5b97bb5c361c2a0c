package main

import (
	"context"

	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover"
)

type tmpProver struct{ p *prover.Prover }

func (t tmpProver) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) ([128]byte, error) {
	c := &circuits.Witness{Holder: circuits.Holder{AkX: w.AkX, AkY: w.AkY, Nk: w.Nk, Alpha: w.Alpha}}
	if k := w.Consent; k != nil {
		c.Consent = &circuits.ConsentRecord{Opening: k.Consent, Authority: k.Authority, Lock: k.Lock, Path: k.Path}
		if s.Circuit == consent.ConsentOnly {
			c.Consent.Trust = &k.Trust
		}
	}
	if k := w.Credential; k != nil {
		c.Credential = &circuits.CredentialRecord{Opening: k.Credential, Authority: k.Issuer, Lock: k.Lock, Path: k.Path, Trust: k.Trust, Ranges: k.RangeSlots}
		for _, x := range k.Sets {
			c.Credential.Sets = append(c.Credential.Sets, circuits.SetChoice{Slot: x.Slot, Interval: x.Interval, Path: x.Path})
		}
	}
	return t.p.Prove(ctx, s, c)
}
