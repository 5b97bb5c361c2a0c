package ptau

import (
	"context"
	"encoding/binary"
	"io"
	"math/bits"
	"runtime"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// modulus is the base field's prime in 64-bit words, the least first.
func modulus() (words [4]uint64) {
	be := fp.Modulus().FillBytes(make([]byte, fp.Bytes))
	for i := range words {
		words[i] = binary.BigEndian.Uint64(be[fp.Bytes-8*(i+1):])
	}
	return words
}

func isModulus(le []byte) bool {
	for i, w := range modulus() {
		if binary.LittleEndian.Uint64(le[8*i:]) != w {
			return false
		}
	}
	return true
}

// element reads 32 bytes, little-endian, in Montgomery form: what gnark-crypto
// has in memory. It reports false for what is not below the modulus.
func element(b []byte, m *[4]uint64) (e fp.Element, ok bool) {
	var borrow uint64
	for i := range e {
		e[i] = binary.LittleEndian.Uint64(b[8*i:])
		_, borrow = bits.Sub64(e[i], m[i], borrow)
	}
	return e, borrow == 1
}

// pointFault says what is wrong with a point; "" is nothing.
type pointFault string

const (
	notReduced pointFault = "a coordinate is not below the modulus"
	infinite   pointFault = "it is infinity"
	offCurve   pointFault = "it is not on the curve"
	offGroup   pointFault = "it is not in the subgroup"
)

func readG1(ctx context.Context, r io.ReaderAt, id int, at int64, n int) ([]bn254.G1Affine, error) {
	points := make([]bn254.G1Affine, n)
	m := modulus()
	err := eachPoint(ctx, r, id, at, n, sizeG1, func(i int, b []byte) pointFault {
		p := &points[i]
		var ok [2]bool
		p.X, ok[0] = element(b, &m)
		p.Y, ok[1] = element(b[32:], &m)
		switch {
		case !ok[0] || !ok[1]:
			return notReduced
		case p.IsInfinity():
			return infinite
		case !p.IsOnCurve(): // the whole curve is the subgroup
			return offCurve
		}
		return ""
	})
	return points, err
}

func readG2(ctx context.Context, r io.ReaderAt, id int, at int64, n int) ([]bn254.G2Affine, error) {
	points := make([]bn254.G2Affine, n)
	m := modulus()
	err := eachPoint(ctx, r, id, at, n, sizeG2, func(i int, b []byte) pointFault {
		p := &points[i]
		for j, to := range []*fp.Element{&p.X.A0, &p.X.A1, &p.Y.A0, &p.Y.A1} {
			var ok bool
			if *to, ok = element(b[32*j:], &m); !ok {
				return notReduced
			}
		}
		switch {
		case p.IsInfinity():
			return infinite
		case !p.IsOnCurve():
			return offCurve
		case !p.IsInSubGroup():
			return offGroup
		}
		return ""
	})
	return points, err
}

// chunk is how many points are read at once.
const chunk = 1 << 12

// eachPoint reads n points of size bytes and hands each to take, on all
// processors.
func eachPoint(ctx context.Context, r io.ReaderAt, id int, at int64, n, size int, take func(i int, b []byte) pointFault) error {
	buf := make([]byte, min(n, chunk)*size)
	for from := 0; from < n; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := min(chunk, n-from)
		b := buf[:count*size]
		if err := readAt(r, b, at+int64(from)*int64(size), at+int64(n)*int64(size), sectionNames[id]); err != nil {
			return err
		}
		workers := runtime.NumCPU()
		faults := make([]error, workers)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < count && faults[w] == nil; i += workers {
					if f := take(from+i, b[i*size:(i+1)*size]); f != "" {
						faults[w] = fault(sectionNames[id], "point %d: %s", from+i, string(f))
					}
				}
			})
		}
		wg.Wait()
		for _, err := range faults {
			if err != nil {
				return err
			}
		}
	}
	return nil
}
