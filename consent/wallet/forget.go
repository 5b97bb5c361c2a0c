package wallet

import "github.com/zkconsent/zkconsent/consent"

// An Erasure says in plain words what Forget erased and what it cannot erase.
type Erasure struct {
	Erased  []string `json:"erased"`
	Remains []string `json:"remains"`
}

// Forget erases what opens a record: for a consent its salt, its terms and its
// document, for a credential all of it. What is on the ledger cannot be opened
// by anybody then. The power to withdraw and to revoke stays. A draft is
// removed entirely.
func (w *Wallet) Forget(id ID) (Erasure, error) {
	w.work.Lock()
	defer w.work.Unlock()
	var e Erasure
	err := w.update(func(c *contents) error {
		for i, r := range c.credentials {
			if r.id == id {
				c.credentials = append(c.credentials[:i], c.credentials[i+1:]...)
				e = credentialErasure
				return nil
			}
		}
		r, err := c.consent(id)
		if err != nil {
			return err
		}
		if r.state == Draft {
			c.remove(id)
			e = draftErasure
		} else {
			e = r.forget()
		}
		c.sweep()
		return nil
	})
	if err != nil {
		return Erasure{}, err
	}
	return e, nil
}

var (
	draftErasure      = Erasure{Erased: []string{"the draft and, unless another consent came from it, its document"}, Remains: []string{copies}}
	credentialErasure = Erasure{
		Erased:  []string{"the credential: its attributes, its salt and where it stands on the ledger"},
		Remains: []string{"32 bytes on the ledger that nobody can open from this wallet", "what the issuer keeps in its own register", "the list of what you disclosed, in this wallet", copies},
	}
)

const copies = "older copies of this file, in backups or in unused blocks of the disk"

// forget erases the opening and leaves what is needed to withdraw.
func (r *consentRecord) forget() Erasure {
	r.known = false
	r.terms, r.policy, r.actor, r.document = consent.Terms{}, "", "", [32]byte{}
	r.salt.SetZero()
	r.source.SetZero()
	r.grantee.SetZero()
	e := Erasure{
		Erased: []string{"the random salt: the entry on the ledger cannot be opened any more, not by trying all possible consents either",
			"the terms, the policy's text and, unless another consent came from it, the document", "who was permitted"},
		Remains: []string{"32 bytes on the ledger that nobody can open", "the power to withdraw, from this wallet or from its words",
			"the list of what you disclosed, in this wallet", "what those to whom you disclosed it have kept", copies},
	}
	if r.state < Withdrawing {
		e.Remains = append(e.Remains, "the consent itself: it was not withdrawn, and proofs made earlier stay valid until their date; withdraw it to end that")
	}
	return e
}

func (c *contents) remove(id ID) {
	for i, r := range c.consents {
		if r.id == id {
			c.consents = append(c.consents[:i], c.consents[i+1:]...)
			return
		}
	}
}

// sweep drops documents from which no record comes any more.
func (c *contents) sweep() {
	used := map[[32]byte]bool{}
	for _, r := range c.consents {
		if r.known {
			used[r.document] = true
		}
	}
	kept := c.documents[:0]
	for _, d := range c.documents {
		if used[d.digest] {
			kept = append(kept, d)
		}
	}
	c.documents = kept
}
