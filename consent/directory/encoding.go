package directory

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The bounds of a directory. They are generous for a national ledger and small
// enough that a client can take the whole directory.
const (
	MaxAuthorities = 4096
	MaxStewards    = 64   // whose signatures one transaction holds
	MaxNamed       = 1024 // of schemas, of value sets and of trust lists each
	MaxManifests   = 64
	MaxValidators  = 128  // with power
	MaxMembers     = 1024 // validators with those that were removed
	MaxScopes      = 256
	MaxScopeSize   = 256 // members of a shared scope
	MaxDistrusts   = 1024
	MaxURI         = 256 // bytes
	MaxName        = 128 // bytes
	MaxLive        = 1 << 30

	maxSequence = 1 << 62

	// MaxEncoded bounds the directory message.
	MaxEncoded = 4 << 20
)

// Encode returns the canonical directory message (docs/spec.md §6.2). It does
// not validate; see [Directory.Validate].
func (d *Directory) Encode() []byte {
	e := tlv.NewEncoder("directory")
	p := d.Parameters
	e.Uint(1, p.Epoch)
	e.Bool(2, p.EveryBlock)
	e.Uint(3, p.MaxHeadAge)
	e.Uint(4, p.Heartbeat)
	e.Uint(5, p.Quota)
	e.Uint(6, p.PowBits)
	e.Uint(7, p.RevokeDelay)
	e.Uint(8, p.Stewards)
	e.List(9, len(d.Authorities), func(i int, e *tlv.Encoder) { d.Authorities[i].encode(e) })
	for i, list := range [][]Named{d.Schemas, d.ValueSets, d.TrustLists} {
		e.List(uint8(10+i), len(list), func(i int, e *tlv.Encoder) { list[i].encode(e) })
	}
	e.List(13, len(d.Manifests), func(i int, e *tlv.Encoder) { d.Manifests[i].encode(e) })
	e.Bool(14, p.DevelopmentKeys)
	e.Uint(15, p.TrustPeriod)
	e.Uint(16, d.Revision)
	e.List(17, len(d.Validators), func(i int, e *tlv.Encoder) { d.Validators[i].encode(e) })
	e.List(18, len(d.Scopes), func(i int, e *tlv.Encoder) { d.Scopes[i].encode(e) })
	e.List(19, len(d.Distrusts), func(i int, e *tlv.Encoder) { d.Distrusts[i].encode(e) })
	return e.Encoded()
}

// Digest is SHA-256 of the directory message: what the state hash contains.
func (d *Directory) Digest() [sha256.Size]byte { return sha256.Sum256(d.Encode()) }

// DecodeDirectory reads a directory message and validates it.
func DecodeDirectory(b []byte) (*Directory, error) {
	r := tlv.NewDecoder("directory", b, MaxEncoded)
	d := &Directory{}
	d.Parameters = Parameters{
		Epoch:       r.Uint(1, "epoch", maxSeconds),
		EveryBlock:  r.Bool(2, "every block"),
		MaxHeadAge:  r.Uint(3, "max head age", maxSeconds),
		Heartbeat:   r.Uint(4, "heartbeat", maxSeconds),
		Quota:       r.Uint(5, "quota", MaxLive),
		PowBits:     r.Uint(6, "pow bits", maxPowBits),
		RevokeDelay: r.Uint(7, "revoke delay", maxSeconds),
		Stewards:    r.Uint(8, "stewards", MaxStewards),
	}
	r.List(9, "authorities", MaxAuthorities, func(_ int, r *tlv.Decoder) {
		d.Authorities = append(d.Authorities, decodeAuthority(r))
	})
	for i, list := range []*[]Named{&d.Schemas, &d.ValueSets, &d.TrustLists} {
		r.List(uint8(10+i), namedFields[i], MaxNamed, func(_ int, r *tlv.Decoder) {
			*list = append(*list, decodeNamed(r))
		})
	}
	r.List(13, "manifests", MaxManifests, func(_ int, r *tlv.Decoder) {
		d.Manifests = append(d.Manifests, decodeManifest(r))
	})
	d.Parameters.DevelopmentKeys = r.Bool(14, "development keys")
	d.Parameters.TrustPeriod = r.Uint(15, "trust period", maxSeconds)
	d.Revision = r.Uint(16, "revision", maxSequence)
	r.List(17, "validators", MaxMembers, func(_ int, r *tlv.Decoder) {
		d.Validators = append(d.Validators, decodeValidator(r))
	})
	r.List(18, "scopes", MaxScopes, func(_ int, r *tlv.Decoder) {
		d.Scopes = append(d.Scopes, decodeScope(r))
	})
	r.List(19, "distrusts", MaxDistrusts, func(_ int, r *tlv.Decoder) {
		d.Distrusts = append(d.Distrusts, decodeDistrust(r))
	})
	if err := r.Done(); err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return d, nil
}

var namedFields = [...]string{"schemas", "value sets", "trust lists"}

// encode writes the authority's fields, tags 1 to 8.
func (a *Authority) encode(e *tlv.Encoder) {
	e.Element(1, a.ID)
	e.Bytes(2, a.Key)
	e.String(3, a.URI)
	e.String(4, a.Name)
	e.Uint(5, uint64(a.Roles))
	e.Bool(6, a.Active)
	e.Uint(7, a.Sequence)
	e.Uint(8, a.Live)
}

func decodeAuthority(r *tlv.Decoder) Authority {
	return Authority{
		ID:       r.Element(1, "id"),
		Key:      ed25519.PublicKey(r.Bytes(2, "key", ed25519.PublicKeySize, ed25519.PublicKeySize)),
		URI:      r.String(3, "uri", MaxURI),
		Name:     r.String(4, "name", MaxName),
		Roles:    Roles(r.Uint(5, "roles", uint64(allRoles))),
		Active:   r.Bool(6, "active"),
		Sequence: r.Uint(7, "sequence", maxSequence),
		Live:     r.Uint(8, "live", MaxLive),
	}
}

// Encode returns the canonical authority message: what a set-authority
// transaction carries (docs/spec.md §7).
func (a *Authority) Encode() []byte {
	e := tlv.NewEncoder("authority")
	a.encode(e)
	return e.Encoded()
}

// DecodeAuthority reads an authority message and validates it.
func DecodeAuthority(b []byte) (Authority, error) {
	r := tlv.NewDecoder("authority", b, 1<<10)
	a := decodeAuthority(r)
	if err := r.Done(); err != nil {
		return Authority{}, err
	}
	if err := a.Validate(); err != nil {
		return Authority{}, err
	}
	return a, nil
}
