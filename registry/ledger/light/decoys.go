package light

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry/journal"
)

const (
	// Decoys is how many other buckets are drawn for each one that a wallet
	// needs and the log does not give.
	Decoys = 7

	maxSet = 1 << 16 // buckets; 8,192 records that lie before the anchor
	day    = 24 * 60 * 60
)

// A bucketSet is the buckets that a client fetches: those that it needs and
// those that it only seems to, and nothing here tells which is which. It only
// grows. Every fetch is of the whole set in one order, so that who compares
// two fetches learns no more than from one.
type bucketSet struct {
	buckets []uint64 // ascending
	next    uint64   // unix seconds before which nothing is fetched; 0 when nothing is wanted
}

func (s *bucketSet) has(bucket uint64) bool {
	_, ok := slices.BinarySearch(s.buckets, bucket)
	return ok
}

func (s *bucketSet) put(bucket uint64) {
	if at, ok := slices.BinarySearch(s.buckets, bucket); !ok {
		s.buckets = slices.Insert(s.buckets, at, bucket)
	}
}

// want puts a bucket into a copy of the set, with decoys drawn uniformly among
// all buckets that anybody who started at the same anchor could need: a decoy
// that the log gives would be known for one.
func (s bucketSet) want(bucket, all uint64) (bucketSet, error) {
	s.buckets = slices.Clone(s.buckets)
	s.put(bucket)
	for drawn := 0; drawn < Decoys && uint64(len(s.buckets)) < all; {
		n, err := draw(all)
		if err != nil {
			return s, err
		}
		if !s.has(n) {
			s.put(n)
			drawn++
		}
	}
	return s, nil
}

// schedule draws when the set is fetched, unless that is settled: a time of day
// that has nothing to do with what the wallet does now.
func (s *bucketSet) schedule(now uint64) error {
	if s.next != 0 {
		return nil
	}
	n, err := draw(day)
	s.next = now + 1 + n
	return err
}

// draw is a uniformly random number below n.
func draw(n uint64) (uint64, error) {
	v, err := rand.Int(rand.Reader, new(big.Int).SetUint64(n))
	if err != nil {
		return 0, err
	}
	return v.Uint64(), nil
}

func (s *bucketSet) encode() []byte {
	e := tlv.NewEncoder("bucket-set")
	e.Uint(1, s.next)
	b := make([]byte, 0, 4*len(s.buckets))
	for _, n := range s.buckets {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	e.Bytes(2, b)
	sum := sha256.Sum256(e.Encoded())
	e.Bytes(3, sum[:])
	return e.Encoded()
}

func decodeBucketSet(b []byte) (s bucketSet, err error) {
	d := tlv.NewDecoder("bucket-set", b, 4*maxSet+256)
	s.next = d.Uint(1, "next", directory.MaxTime)
	list := d.Bytes(2, "buckets", 0, 4*maxSet)
	for ; d.Err() == nil && len(list) >= 4; list = list[4:] {
		n := uint64(binary.BigEndian.Uint32(list))
		if n >= journal.Buckets || len(s.buckets) > 0 && n <= s.buckets[len(s.buckets)-1] {
			d.Fail("buckets", "not ascending, or beyond the tree")
		}
		s.buckets = append(s.buckets, n)
	}
	if len(list) > 0 {
		d.Fail("buckets", "not a multiple of 4 bytes")
	}
	sum := d.Bytes(3, "digest", sha256.Size, sha256.Size)
	if d.Err() == nil {
		// A damaged set would be another one, and show by what it shares with
		// the true one what both are for.
		if want := sha256.Sum256(b[:len(b)-5-sha256.Size]); !bytes.Equal(sum, want[:]) {
			d.Fail("digest", "the set is damaged")
		}
	}
	return s, d.Done()
}
