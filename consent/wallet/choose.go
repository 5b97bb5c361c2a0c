package wallet

import (
	"fmt"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A choice is what a wallet answers a request with.
type choice struct {
	consent    *consentRecord
	credential *credentialRecord
	offer      *consent.Offer
	slots      []int // of the ranges
	setSlots   []int
	intervals  []int // of the sets, by index
}

// mismatch says why a consent does not serve a request, or "". The words are
// for the patient alone.
func (r *consentRecord) mismatch(q *consent.Request) string {
	t := &r.terms
	policy := consent.PolicyDigest(q.Policy)
	mine := consent.PolicyDigest(r.policy)
	_, trusted := q.Trust.Index(r.registrar)
	switch {
	case !r.known:
		return "its terms were forgotten"
	case r.state != Registered:
		return fmt.Sprintf("it is %s", r.state)
	case !r.grantee.Equal(&q.Signer):
		return "it permits somebody else"
	case !q.Purpose.Within(t.Purposes):
		return "it does not permit this purpose"
	case !t.Restrictions.Within(q.Accepted):
		return "the verifier does not accept all of its restrictions"
	case !q.Categories.Within(t.Categories):
		return "it does not permit all of these categories"
	case q.Issued < t.NotBefore:
		return "it does not apply yet"
	case q.Until > t.NotAfter:
		return "it ends before the answer would"
	case q.QFrom < t.DataFrom || q.QTo > t.DataTo:
		return "it covers another period of data"
	case !policy.Equal(&mine):
		return "it agreed to another policy"
	case q.Circuit.ProvesConsentAlone() && !trusted:
		return "its registrar is not on the verifier's list"
	}
	return ""
}

// match says why a credential does not serve a request, or completes the
// choice of slots and intervals.
func (c *choice) match(r *credentialRecord, q *consent.Request) (string, error) {
	o, _, err := r.opened()
	if err != nil {
		return "", err
	}
	schema := field.Of("schema", q.Schema)
	_, trusted := q.Trust.Index(r.issuer)
	switch {
	case r.revoked:
		return "it is revoked", nil
	case !o.Credential.Schema.Equal(&schema):
		return "it has another schema", nil
	case q.Until > o.Credential.Expires:
		return "it expires before the answer would", nil
	case !trusted:
		return "its issuer is not on the verifier's list", nil
	}
	if !c.assign(&o.Credential, q) {
		return "its values do not satisfy all questions", nil
	}
	c.credential, c.offer = r, o
	return "", nil
}

// assign searches slots for the predicates. Every link goes to range 0, so the
// search tries each of its slots and then each predicate by itself.
func (c *choice) assign(k *consent.Credential, q *consent.Request) bool {
	for first := range consent.Slots {
		if len(q.Ranges) == 0 || !inRange(k, first, q.Ranges[0].Range) {
			continue
		}
		c.slots, c.setSlots, c.intervals = []int{first}, nil, nil
		if c.others(k, q, first) {
			return true
		}
	}
	return false
}

func (c *choice) others(k *consent.Credential, q *consent.Request, first int) bool {
	for i := 1; i < len(q.Ranges); i++ {
		slot := pick(q.Links[i-1], first, func(s int) bool { return inRange(k, s, q.Ranges[i].Range) })
		if slot < 0 {
			return false
		}
		c.slots = append(c.slots, slot)
	}
	for i := range q.Sets {
		set := &q.Sets[i]
		slot := pick(q.Links[len(q.Ranges)-1+i], first, func(s int) bool {
			_, ok := set.Set.Contains(k.Attributes[s].Value)
			return ok && k.Attributes[s].Present && set.Mask>>s&1 == 1
		})
		if slot < 0 {
			return false
		}
		at, _ := set.Set.Contains(k.Attributes[slot].Value)
		c.setSlots, c.intervals = append(c.setSlots, slot), append(c.intervals, at)
	}
	return true
}

// pick returns a slot that a predicate holds in: the linked one alone, or the
// first of all. It returns -1 where there is none.
func pick(l consent.Link, first int, holds func(int) bool) int {
	if l.On {
		if s := first + int(l.Offset) - consent.LinkBias; s >= 0 && s < consent.Slots && holds(s) {
			return s
		}
		return -1
	}
	for s := range consent.Slots {
		if holds(s) {
			return s
		}
	}
	return -1
}

func inRange(k *consent.Credential, slot int, r consent.Range) bool {
	a := k.Attributes[slot]
	return a.Present && r.Mask>>slot&1 == 1 && r.Lo <= a.Value && a.Value <= r.Hi
}

// choices lists all ways to answer a request, in the order of the records, so
// that the same request meets the same consent again.
func (c *contents) choices(q *consent.Request) (all []choice, err error) {
	consents := []*consentRecord{nil}
	if q.Circuit.ProvesConsent() {
		consents = nil
		for _, r := range c.consents {
			if r.mismatch(q) == "" {
				consents = append(consents, r)
			}
		}
	}
	for _, r := range consents {
		if !q.Circuit.ProvesCredential() {
			all = append(all, choice{consent: r})
			continue
		}
		for _, k := range c.credentials {
			one := choice{consent: r}
			reason, err := one.match(k, q)
			if err != nil {
				return nil, err
			}
			if reason == "" {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// An Explanation tells a patient why a record does not serve a request.
type Explanation struct {
	Consent    bool // or a credential
	ID         ID
	Reason     string // "it serves" when it does
	Registered bool
}

// Explain says of each record why it does or does not serve the reviewed
// request. It is for the patient's own screen: whoever asks must not see it,
// since it tells what the records hold.
func (w *Wallet) Explain(v *Review) ([]Explanation, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	q := v.request.Request
	var out []Explanation
	say := func(e Explanation) {
		if e.Reason == "" {
			e.Reason = "it serves"
		}
		out = append(out, e)
	}
	if q.Circuit.ProvesConsent() {
		for _, r := range c.consents {
			say(Explanation{true, r.id, r.mismatch(q), r.state == Registered})
		}
	}
	if q.Circuit.ProvesCredential() {
		for _, r := range c.credentials {
			var one choice
			reason, err := one.match(r, q)
			if err != nil {
				return nil, err
			}
			say(Explanation{false, r.id, reason, !r.revoked})
		}
	}
	return out, nil
}
