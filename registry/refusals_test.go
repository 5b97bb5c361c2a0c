package registry_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// An envelope is a good transaction of a kind before it is signed. Whoever
// changes it signs it afterwards, so that one thing is wrong and no more.
type envelope struct {
	kind    transaction.Kind
	by      party  // signs it; of no use to those that stewards approve
	payload []byte // one that the state takes
}

// envelopes has one of every kind.
func envelopes(c *chain) []envelope {
	all := []envelope{
		{transaction.CommitConsents, hospital, transaction.SealedPayload(sealed(1))},
		{transaction.CommitCredentials, issuer, transaction.SealedPayload(sealed(1))},
		{transaction.Withdraw, insurer, transaction.WithdrawalPayload([]fr.Element{rs(1)})},
		{transaction.Revoke, insurer, transaction.RevocationPayload([]transaction.Revocation{{RS: rs(1)}})},
		{transaction.Spend, insurer, spending(directory.Scope{Name: "scope"}, 1)},
		{transaction.AuditRoot, insurer, transaction.AuditPayload([]transaction.Anchor{{}})},
	}
	for _, g := range governedObjects() {
		all = append(all, envelope{kind: g.kind, payload: g.write(c, g.first, 1)})
	}
	return all
}

func (e envelope) seal(c *chain, change func(*transaction.Transaction)) *transaction.Transaction {
	x := c.tx(e.kind, e.payload)
	if change != nil {
		change(x)
	}
	if !e.kind.Governed() {
		x.Sign(e.by.id, e.by.key)
		return x
	}
	for _, s := range []party{steward1, steward2} {
		if err := x.Approve(s.id, s.key); err != nil {
			c.t.Fatal(err)
		}
	}
	return x
}

// role is the only one that may send the kind; 0 for any.
func (e envelope) role() directory.Roles {
	return map[transaction.Kind]directory.Roles{
		transaction.CommitConsents: directory.Registrar, transaction.CommitCredentials: directory.Issuer,
		transaction.Spend: directory.Verifier, transaction.AuditRoot: directory.Verifier,
	}[e.kind]
}

// refusals makes, for one kind, a transaction for each code that the kind can
// be refused with.
func (e envelope) refusals(c *chain) map[transaction.Code][]*transaction.Transaction {
	out := map[transaction.Code][]*transaction.Transaction{
		transaction.Malformed: {
			e.seal(c, func(x *transaction.Transaction) { x.Payload = append([]byte{0xff}, x.Payload...) }),
			e.seal(c, func(x *transaction.Transaction) { x.Payload = x.Payload[:len(x.Payload)-1] }),
		},
		transaction.OtherLedger: {e.seal(c, func(x *transaction.Transaction) { x.Genesis[31] ^= 1 })},
		transaction.Expired:     {e.seal(c, func(x *transaction.Transaction) { x.Expiry = c.height })},
		transaction.TooFarAhead: {e.seal(c, func(x *transaction.Transaction) { x.Expiry = c.height + 100 + e.kind.MaxAhead() })}, // a block for each case goes by
	}
	flipped := e.seal(c, nil)
	flipped.Signature[len(flipped.Signature)-1] ^= 1
	out[transaction.BadSignature] = append(out[transaction.BadSignature], flipped)
	if e.kind.Governed() {
		few := c.decree(e.kind, e.payload, steward1)
		out[transaction.NotGoverned] = append(out[transaction.NotGoverned], few, c.decree(e.kind, e.payload, steward1, hospital))
		return out
	}
	for _, who := range []party{stranger, asleep} {
		x := e
		x.by = who
		out[transaction.UnknownSigner] = append(out[transaction.UnknownSigner], x.seal(c, nil))
	}
	for _, who := range []party{hospital, issuer, insurer, steward1} {
		if a, _ := c.directory().Authority(who.id); e.role() != 0 && a.Roles&e.role() == 0 {
			x := e
			x.by = who
			out[transaction.NotInRole] = append(out[transaction.NotInRole], x.seal(c, nil))
		}
	}
	if e.role() == 0 { // whom a stamp can stand for
		x := c.stamped(e.kind, e.payload)
		for x.CheckStamp(8) == nil {
			x.Nonce++
		}
		two := c.stamped(e.kind, append(append([]byte(nil), e.payload...), e.payload...))
		out[transaction.BadStamp] = append(out[transaction.BadStamp], x, two)
	}
	return out
}

// TestCheckTxSaysWhatExecutionWouldSay goes through every kind with every code
// that it can be refused with: the mempool's door and the block agree, and what
// is refused leaves no trace.
func TestCheckTxSaysWhatExecutionWouldSay(t *testing.T) {
	scope := func(g *directory.Genesis) {
		g.Directory.Scopes = []directory.Scope{{Name: "other", Members: members(insurer)}}
	}
	seen := map[transaction.Code]bool{}
	kinds := map[transaction.Kind]bool{}
	for _, e := range envelopes(newChain(t, scope)) {
		t.Run(e.kind.String(), func(t *testing.T) {
			kinds[e.kind] = true
			c := newChain(t, scope)
			c.block()
			agree := func(x *transaction.Transaction, want transaction.Code) {
				t.Helper()
				checked, err := c.s.CheckTx(x.Encode())
				if err != nil {
					t.Fatal(err)
				}
				before := c.hash
				done := c.one(x)
				if checked.Code != done.Code || checked.Reason != done.Reason || done.Code != want {
					t.Errorf("CheckTx says %v (%s), execution %v (%s), want %v", checked.Code, checked.Reason, done.Code, done.Reason, want)
				}
				if want != transaction.Executed && c.hash != before {
					t.Errorf("%v left a trace", want)
				}
				seen[want] = true
			}
			for code, xs := range e.refusals(c) {
				for _, x := range xs {
					agree(x, code)
				}
			}
			good := e.seal(c, nil)
			agree(good, transaction.Executed)
			agree(good, transaction.Repeated)
			if e.kind.Governed() {
				agree(e.seal(c, nil), transaction.NotGoverned)
			}
		})
	}
	for code := transaction.Executed; code <= transaction.NotGoverned; code++ {
		if !seen[code] {
			t.Errorf("no case has code %v", code)
		}
	}
	for k := transaction.CommitConsents; k <= transaction.SetScope; k++ {
		if !kinds[k] {
			t.Errorf("no case has kind %v", k)
		}
	}
}
