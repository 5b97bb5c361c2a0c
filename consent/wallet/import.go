package wallet

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// A Grant is one atomic permission, as a compiler of documents yields it.
type Grant struct {
	Actor  string // reference of the one who may use the data, as the document has it
	Terms  consent.Terms
	Policy string // common policy text that the document refers to
}

// An ActorError reports a document's actor that is not exactly one verifier on
// the ledger. Nothing is imported then: guessing would grant to somebody else.
type ActorError struct {
	Actor string
	Found int
}

func (e *ActorError) Error() string {
	if e.Found == 0 {
		return fmt.Sprintf("wallet: no active verifier on the ledger has the reference %q", e.Actor)
	}
	return fmt.Sprintf("wallet: %d active verifiers on the ledger have the reference %q", e.Found, e.Actor)
}

// A TermsError reports a grant that no request could ever match, or that is
// not well-formed.
type TermsError struct {
	Grant  int
	Reason string
}

func (e *TermsError) Error() string { return fmt.Sprintf("wallet: grant %d: %s", e.Grant, e.Reason) }

// Import keeps a document and the grants compiled from it as drafts. Nothing
// leaves the wallet. Importing the same again changes nothing and returns the
// same records.
func (w *Wallet) Import(ctx context.Context, l Ledger, doc []byte, grants []Grant) ([]Consent, error) {
	if len(doc) == 0 || len(doc) > maxDocument {
		return nil, fmt.Errorf("wallet: a document has 1 to %d bytes, not %d", maxDocument, len(doc))
	}
	w.work.Lock()
	defer w.work.Unlock()
	s, err := w.snapshot(ctx, l)
	if err != nil {
		return nil, err
	}
	grantees := make([]fr.Element, len(grants))
	for i, g := range grants {
		if reason := g.fault(); reason != "" {
			return nil, &TermsError{i, reason}
		}
		if grantees[i], err = actor(s.Directory, g.Actor); err != nil {
			return nil, err
		}
	}
	var ids []ID
	err = w.update(func(c *contents) error {
		digest := c.keep(doc)
		for i, g := range grants {
			id, err := c.draft(g, grantees[i], digest, w.moment())
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.Show(ids...)
}

func (g *Grant) fault() string {
	t := &g.Terms
	switch {
	case t.Purposes == 0 || !t.Purposes.Known():
		return "no purpose, or an unknown one"
	case t.Categories == 0 || !t.Categories.Known():
		return "no category, or an unknown one"
	case !t.Restrictions.Known():
		return "an unknown restriction"
	case t.NotBefore > t.NotAfter || t.NotAfter > consent.MaxTime:
		return "its period ends before it begins, or after 2^40"
	case t.DataFrom > t.DataTo || t.DataTo > consent.MaxTime:
		return "its data period ends before it begins, or after 2^40"
	case g.Policy == "" || len(g.Policy) > maxPolicy:
		return fmt.Sprintf("a policy text of 1 to %d bytes is needed", maxPolicy)
	case g.Actor == "" || len(g.Actor) > maxActor:
		return fmt.Sprintf("an actor's reference of 1 to %d bytes is needed", maxActor)
	}
	return ""
}

func actor(d *directory.Directory, uri string) (id fr.Element, err error) {
	found := 0
	for _, a := range d.Authorities {
		if a.URI == uri && a.Active && a.Roles&directory.Verifier != 0 {
			id, found = a.ID, found+1
		}
	}
	if found != 1 {
		return fr.Element{}, &ActorError{uri, found}
	}
	return id, nil
}

// keep stores a document once.
func (c *contents) keep(doc []byte) [32]byte {
	digest := sha256.Sum256(doc)
	for i := range c.documents {
		if c.documents[i].digest == digest {
			return digest
		}
	}
	c.documents = append(c.documents, document{digest: digest, bytes: append([]byte(nil), doc...)})
	return digest
}

func (c *contents) document(digest [32]byte) []byte {
	for i := range c.documents {
		if c.documents[i].digest == digest {
			return c.documents[i].bytes
		}
	}
	return nil
}

func (c *contents) draft(g Grant, grantee fr.Element, doc [32]byte, now consent.Time) (ID, error) {
	for _, r := range c.consents {
		if r.known && r.state <= Registered && r.document == doc && r.terms == g.Terms && r.policy == g.Policy && r.grantee.Equal(&grantee) {
			return r.id, nil
		}
	}
	id, err := newID()
	if err != nil {
		return id, err
	}
	c.consents = append(c.consents, &consentRecord{
		id: id, state: Draft, actor: g.Actor, grantee: grantee, terms: g.Terms, policy: g.Policy,
		document: doc, known: true, imported: now,
	})
	return id, nil
}
