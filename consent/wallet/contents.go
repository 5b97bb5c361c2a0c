package wallet

import (
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The bounds of a wallet's data.
const (
	dataVersion    = 1
	maxRecords     = 1 << 16
	maxHistory     = 1 << 16
	maxDocuments   = 1 << 12
	maxDocument    = 1 << 20
	maxActor       = 500
	maxPolicy      = 8 << 10
	maxOffer       = 64 << 10
	maxNumber      = 1 << 32 // of a record: far above what one person grants
	maxHistoryText = 500
)

// contents is what the file holds, decrypted. It is changed by replacing it
// with a changed copy that has been written (see Wallet.update).
type contents struct {
	secret
	entropy     [32]byte
	genesis     [32]byte
	next        uint64 // number of the next record; never used twice
	records     uint64 // entries of the record log that were read
	withdrawals uint64 // entries of the withdrawal log that were read
	documents   []document
	consents    []*consentRecord
	credentials []*credentialRecord
	history     []Disclosure
}

// A document is what the patient signed or imported, as it was.
type document struct {
	secret
	digest [32]byte
	bytes  []byte
}

func (c *contents) encode() []byte {
	e := tlv.NewEncoder("wallet-data")
	e.Uint(1, dataVersion)
	e.Bytes(2, c.entropy[:])
	e.Bytes(3, c.genesis[:])
	e.Uint(4, c.next)
	e.Uint(5, c.records)
	e.Uint(6, c.withdrawals)
	e.List(7, len(c.documents), func(i int, e *tlv.Encoder) {
		e.Bytes(1, c.documents[i].digest[:])
		e.Bytes(2, c.documents[i].bytes)
	})
	e.List(8, len(c.consents), func(i int, e *tlv.Encoder) { c.consents[i].encode(e) })
	e.List(9, len(c.credentials), func(i int, e *tlv.Encoder) { c.credentials[i].encode(e) })
	e.List(10, len(c.history), func(i int, e *tlv.Encoder) { c.history[i].encode(e) })
	return e.Encoded()
}

func decodeContents(b []byte) (*contents, error) {
	d := tlv.NewDecoder("wallet-data", b, maxFile)
	version := d.Uint(1, "version", math.MaxUint32)
	if d.Err() == nil && version != dataVersion {
		if version > dataVersion {
			return nil, ErrNewerVersion
		}
		d.Fail("version", "0")
	}
	c := &contents{}
	copy(c.entropy[:], d.Bytes(2, "entropy", 32, 32))
	copy(c.genesis[:], d.Bytes(3, "genesis", 32, 32))
	c.next = d.Uint(4, "next", maxNumber)
	c.records = d.Uint(5, "records", math.MaxUint64)
	c.withdrawals = d.Uint(6, "withdrawals", math.MaxUint64)
	d.List(7, "documents", maxDocuments, func(_ int, d *tlv.Decoder) {
		var doc document
		copy(doc.digest[:], d.Bytes(1, "digest", 32, 32))
		doc.bytes = d.Bytes(2, "bytes", 1, maxDocument)
		c.documents = append(c.documents, doc)
	})
	seen := map[ID]bool{}
	unique := func(d *tlv.Decoder, id ID) {
		if seen[id] {
			d.Fail("id", "occurs twice")
		}
		seen[id] = true
	}
	d.List(8, "consents", maxRecords, func(_ int, d *tlv.Decoder) {
		r := decodeConsent(d)
		unique(d, r.id)
		if r.state != Draft && r.number >= c.next {
			d.Fail("number", "not below the next one")
		}
		c.consents = append(c.consents, r)
	})
	d.List(9, "credentials", maxRecords, func(_ int, d *tlv.Decoder) {
		r := decodeCredential(d)
		unique(d, r.id)
		c.credentials = append(c.credentials, r)
	})
	d.List(10, "history", maxHistory, func(_ int, d *tlv.Decoder) { c.history = append(c.history, decodeDisclosure(d)) })
	if err := d.Done(); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *consentRecord) encode(e *tlv.Encoder) {
	t := &r.terms
	e.Bytes(1, r.id[:])
	e.Uint(2, uint64(r.state))
	e.Uint(3, r.number)
	e.String(4, r.actor)
	e.Element(5, r.grantee)
	e.Element(6, r.registrar)
	for i, v := range []uint64{uint64(t.Purposes), uint64(t.Restrictions), uint64(t.Categories),
		uint64(t.NotBefore), uint64(t.NotAfter), uint64(t.DataFrom), uint64(t.DataTo)} {
		e.Uint(uint8(7+i), v)
	}
	e.String(14, r.policy)
	e.Bytes(15, r.document[:])
	e.Element(16, r.source)
	e.Element(17, r.salt)
	e.Bool(18, r.known)
	e.Bool(19, r.found)
	e.Bool(20, r.placed)
	e.Uint(21, r.index)
	e.Uint(22, uint64(r.publishAt))
	e.Uint(23, uint64(r.revokeAt))
	e.Uint(24, r.attempts)
	e.Uint(25, uint64(r.imported))
	e.Uint(26, uint64(r.registered))
}

func decodeConsent(d *tlv.Decoder) *consentRecord {
	r := &consentRecord{}
	t := &r.terms
	moment := func(tag uint8, name string) consent.Time {
		return consent.Time(d.Uint(tag, name, uint64(consent.MaxTime)))
	}
	copy(r.id[:], d.Bytes(1, "id", 16, 16))
	r.state = State(d.Uint(2, "state", uint64(lastState)))
	r.number = d.Uint(3, "number", maxNumber)
	r.actor = d.String(4, "actor", maxActor)
	r.grantee = d.Element(5, "grantee")
	r.registrar = d.Element(6, "registrar")
	t.Purposes = codes.Purposes(d.Uint(7, "purposes", math.MaxUint64))
	t.Restrictions = codes.Restrictions(d.Uint(8, "restrictions", math.MaxUint32))
	t.Categories = codes.Categories(d.Uint(9, "categories", math.MaxUint64))
	t.NotBefore, t.NotAfter = moment(10, "notBefore"), moment(11, "notAfter")
	t.DataFrom, t.DataTo = moment(12, "dataFrom"), moment(13, "dataTo")
	r.policy = d.String(14, "policy", maxPolicy)
	copy(r.document[:], d.Bytes(15, "document", 32, 32))
	r.source = d.Element(16, "source")
	r.salt = d.Element(17, "salt")
	r.known = d.Bool(18, "known")
	r.found = d.Bool(19, "found")
	r.placed = d.Bool(20, "placed")
	r.index = d.Uint(21, "index", 1<<30-1)
	r.publishAt, r.revokeAt = moment(22, "publishAt"), moment(23, "revokeAt")
	r.attempts = d.Uint(24, "attempts", math.MaxUint32)
	r.imported, r.registered = moment(25, "imported"), moment(26, "registered")
	if d.Err() == nil && (r.state == Registered || r.state == Revoked) && !r.placed {
		d.Fail("placed", "a registered consent has an index")
	}
	if d.Err() == nil && r.state == Draft && (!r.known || r.placed || r.publishAt != 0 || r.revokeAt != 0) {
		d.Fail("state", "a draft has its terms, and nothing of it is on the ledger")
	}
	if d.Err() == nil && !r.known && (r.terms != consent.Terms{} || r.policy != "" || !r.salt.IsZero() || !r.source.IsZero() || r.document != [32]byte{}) {
		d.Fail("known", "what was forgotten is still there")
	}
	return r
}

func (r *credentialRecord) encode(e *tlv.Encoder) {
	e.Bytes(1, r.id[:])
	e.Element(2, r.issuer)
	e.Element(3, r.lock)
	e.Uint(4, r.index)
	e.Bool(5, r.revoked)
	e.Bytes(6, r.offer)
}

func decodeCredential(d *tlv.Decoder) *credentialRecord {
	r := &credentialRecord{}
	copy(r.id[:], d.Bytes(1, "id", 16, 16))
	r.issuer = d.Element(2, "issuer")
	r.lock = d.Element(3, "lock")
	r.index = d.Uint(4, "index", 1<<30-1)
	r.revoked = d.Bool(5, "revoked")
	r.offer = d.Bytes(6, "offer", 0, maxOffer)
	if d.Err() == nil && len(r.offer) > 0 {
		o, err := consent.DecodeOffer(r.offer)
		if err == nil {
			_, err = consent.DecodeSchema(o.Schema)
		}
		if err != nil || !o.Lock.Equal(&r.lock) || !o.Issuer.Equal(&r.issuer) {
			d.Fail("offer", "is not this credential's")
		}
	}
	return r
}

// clone is a deep copy, made of the encoding so that it also proves it.
func (c *contents) clone() (*contents, error) { return decodeContents(c.encode()) }

func (c *contents) consent(id ID) (*consentRecord, error) {
	for _, r := range c.consents {
		if r.id == id {
			return r, nil
		}
	}
	return nil, ErrUnknownRecord
}

func (c *contents) credential(id ID) (*credentialRecord, error) {
	for _, r := range c.credentials {
		if r.id == id {
			return r, nil
		}
	}
	return nil, ErrUnknownRecord
}

// inTree is the registrar's or issuer's leaf of a credential.
func (r *credentialRecord) leaf(o *consent.Offer) fr.Element {
	return consent.Leaf(consent.KindCredential, r.issuer, o.Credential.Commitment(), r.lock)
}
