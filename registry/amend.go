package registry

import (
	"bytes"
	"slices"
	"strings"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// amend decodes the payload of a governed transaction and makes its change to
// d, a copy of the directory that shares its lists (docs/spec.md §7). Whether
// the result is a directory at all is judged for all kinds alike, afterwards.
func (f *frame) amend(d *directory.Directory, a *admitted) *refusal {
	switch a.Kind {
	case transaction.SetAuthority:
		return amended(a, transaction.DecodeAuthority, func(x directory.Authority) *refusal { return putAuthority(d, x) })
	case transaction.DistrustRange:
		return amended(a, transaction.DecodeDistrusting, func(x transaction.Distrusting) *refusal {
			// The close of the present epoch is the first that takes the leaves
			// out of the tree.
			x.Epoch = f.state.Epoch + 1
			a.distrust = &x.Distrust
			return putDistrust(d, x)
		})
	case transaction.SetManifest:
		return amended(a, directory.DecodeManifest, func(x directory.Manifest) *refusal {
			return shelf[directory.Manifest]{
				compare:  func(a, b directory.Manifest) int { return strings.Compare(a.Circuit, b.Circuit) },
				sequence: func(x directory.Manifest) uint64 { return x.Sequence },
			}.put(&d.Manifests, x)
		})
	case transaction.SetSchema:
		return amended(a, directory.DecodeNamed, func(x directory.Named) *refusal { return putNamed(&d.Schemas, x) })
	case transaction.SetValueSet:
		return amended(a, directory.DecodeNamed, func(x directory.Named) *refusal { return putNamed(&d.ValueSets, x) })
	case transaction.SetTrustList:
		return amended(a, directory.DecodeNamed, func(x directory.Named) *refusal { return putNamed(&d.TrustLists, x) })
	case transaction.SetValidator:
		return amended(a, directory.DecodeValidator, func(x directory.Validator) *refusal { return putValidator(d, x) })
	case transaction.SetParameters:
		return setParameters(d, a.Payload)
	case transaction.SetScope:
		return amended(a, directory.DecodeScope, func(x directory.Scope) *refusal {
			return shelf[directory.Scope]{
				compare:  func(a, b directory.Scope) int { return strings.Compare(a.Name, b.Name) },
				sequence: func(x directory.Scope) uint64 { return x.Sequence },
			}.put(&d.Scopes, x)
		})
	}
	return refuse(transaction.Malformed, "%v is not governed", a.Kind)
}

func amended[T any](a *admitted, decode func([]byte) (T, error), put func(T) *refusal) *refusal {
	x, err := decode(a.Payload)
	if err != nil {
		return refuse(transaction.Malformed, "%v", err)
	}
	return put(x)
}

// A shelf is the rule of one ascending list of governed objects.
type shelf[T any] struct {
	compare  func(a, b T) int // by what names the object
	sequence func(T) uint64
	rises    bool // numbers may start anywhere and need only rise
}

// maxRise leaves room for a date and time written as a number, and none for one
// decision after which no number is left: its name could never be written
// again.
const maxRise = 1 << 48

// put places x into the list: instead of the object of its name, whose
// sequence number it follows, or between its neighbours. The list is replaced
// and not written into, because the committed directory shares it.
func (s shelf[T]) put(list *[]T, x T) *refusal {
	at, known := slices.BinarySearchFunc(*list, x, s.compare)
	n := s.sequence(x)
	if !known {
		if n != 0 && !s.rises {
			return ungoverned("sequence %d, a new object starts at 0", n)
		}
		if n > maxRise {
			return ungoverned("sequence %d, a new object starts at %d at most", n, uint64(maxRise))
		}
		*list = slices.Insert(slices.Clone(*list), at, x)
		return nil
	}
	last := s.sequence((*list)[at])
	if n <= last || n != last+1 && !s.rises {
		return ungoverned("sequence %d, the next is %d", n, last+1)
	}
	if n-last > maxRise {
		return ungoverned("sequence %d, it rises from %d by %d at most", n, last, uint64(maxRise))
	}
	*list = slices.Clone(*list)
	(*list)[at] = x
	return nil
}

func putAuthority(d *directory.Directory, x directory.Authority) *refusal {
	old, known := d.Authority(x.ID)
	if id := directory.AuthorityID(x.Key); !known && !id.Equal(&x.ID) {
		return ungoverned("the id is not that of the new authority's key")
	}
	x.Live = old.Live
	return shelf[directory.Authority]{
		compare:  func(a, b directory.Authority) int { return a.ID.Cmp(&b.ID) },
		sequence: func(x directory.Authority) uint64 { return x.Sequence },
	}.put(&d.Authorities, x)
}

func putNamed(list *[]directory.Named, x directory.Named) *refusal {
	return shelf[directory.Named]{
		compare:  func(a, b directory.Named) int { return strings.Compare(a.Name, b.Name) },
		sequence: func(x directory.Named) uint64 { return x.Sequence },
		rises:    true, // a document's own version is its number
	}.put(list, x)
}

func putValidator(d *directory.Directory, x directory.Validator) *refusal {
	s := shelf[directory.Validator]{
		compare:  func(a, b directory.Validator) int { return bytes.Compare(a.Key, b.Key) },
		sequence: func(x directory.Validator) uint64 { return x.Sequence },
	}
	if _, known := slices.BinarySearchFunc(d.Validators, x, s.compare); !known && x.Power == 0 {
		return ungoverned("no validator has this key, so none can be removed")
	}
	return s.put(&d.Validators, x)
}

// putDistrust appends: what the stewards once distrusted stays on record, and
// the number of those before it is the sequence number.
func putDistrust(d *directory.Directory, x transaction.Distrusting) *refusal {
	if n := uint64(len(d.Distrusts)); x.Sequence != n {
		return ungoverned("sequence %d, there are %d distrusts", x.Sequence, n)
	}
	d.Distrusts = append(slices.Clone(d.Distrusts), x.Distrust)
	return nil
}

// setParameters replaces the parameters. DevelopmentKeys is nobody's to
// change: with it, a quorum of stewards could turn a ledger of real consents
// into one where a single party proves anything (docs/spec.md §9.4).
func setParameters(d *directory.Directory, payload []byte) *refusal {
	p, revision, err := directory.DecodeParameters(payload)
	switch {
	case err != nil:
		return refuse(transaction.Malformed, "%v", err)
	case revision != d.Revision+1:
		return ungoverned("revision %d, the next is %d", revision, d.Revision+1)
	case p.DevelopmentKeys != d.Parameters.DevelopmentKeys:
		return ungoverned("developmentKeys is nobody's to change")
	}
	d.Parameters, d.Revision = p, revision
	return nil
}
