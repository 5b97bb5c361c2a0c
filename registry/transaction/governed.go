package transaction

import (
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// AuthorityPayload is the payload of a set-authority transaction: the record
// as it shall be, with the next sequence number. The count of live leaves is
// the ledger's to know and stays zero here.
func AuthorityPayload(a directory.Authority) []byte {
	a.Live = 0
	return a.Encode()
}

// DecodeAuthority reads the payload of a set-authority transaction.
func DecodeAuthority(b []byte) (directory.Authority, error) {
	a, err := directory.DecodeAuthority(b)
	if err == nil && a.Live != 0 {
		err = &tlv.Error{Message: "set-authority", Field: "live", Reason: "the ledger counts leaves itself; this is 0"}
	}
	return a, err
}

// MaxDistrusted is the greatest number of indices of one distrust
// transaction; a longer range takes several.
const MaxDistrusted = 1 << 16

// A Distrusting takes an authority's records from From to To, excluded, off
// the tree. Sequence is the number of distrusts before it.
type Distrusting struct {
	directory.Distrust // Epoch is the ledger's to know and stays 0
	Sequence           uint64
}

// DistrustPayload is the payload of a distrust transaction.
func DistrustPayload(d Distrusting) []byte {
	d.Epoch = 0
	return d.Distrust.Encode(d.Sequence)
}

// DecodeDistrusting reads the payload of a distrust transaction.
func DecodeDistrusting(b []byte) (Distrusting, error) {
	x, sequence, err := directory.DecodeDistrust(b)
	switch {
	case err != nil:
	case x.Epoch != 0:
		err = &tlv.Error{Message: "distrust", Field: "epoch", Reason: "the ledger knows it; this is 0"}
	case x.To-x.From > MaxDistrusted:
		err = &tlv.Error{Message: "distrust", Field: "to", Reason: "more than 65,536 indices; take several transactions"}
	}
	return Distrusting{x, sequence}, err
}
