package consent

import "github.com/zkconsent/zkconsent/internal/merkle"

// Erase overwrites the witness with zeros, the records and paths that it
// points to included. Whoever still uses one of those loses it: a wallet does
// not erase a witness whose records it shares.
//
// It reaches what the witness itself holds. Copies that were made before, of
// the witness or by a prover's library, stay until their memory is used again.
func (w *Witness) Erase() {
	if r := w.Consent; r != nil {
		erasePath(&r.Path)
		if r.Trust != nil {
			erasePath(r.Trust)
		}
		*r = ConsentWitness{}
	}
	if r := w.Credential; r != nil {
		erasePath(&r.Path)
		erasePath(&r.Trust)
		for i := range r.Sets {
			erasePath(&r.Sets[i].Path)
		}
		clear(r.Ranges)
		clear(r.Sets)
		*r = CredentialWitness{}
	}
	*w = Witness{}
}

func erasePath(p *merkle.Path) {
	clear(p.Siblings)
	*p = merkle.Path{}
}
