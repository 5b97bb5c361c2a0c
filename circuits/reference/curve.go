package reference

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// A Point is a pair of coordinates, on the curve or not.
type Point struct{ X, Y Element }

// The twisted Edwards curve a·x² + y² = 1 + d·x²·y² and its base point B
// (docs/spec.md §3).
var (
	curveA = decimal("-1")
	curveD = decimal("12181644023421730124874158521699555681764249180949974110617291017600649128846")
	base   = Point{
		decimal("9671717474070082183213120605117400219616337014328744928644933853176787189663"),
		decimal("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
	}
)

func decimal(s string) (e Element) {
	if _, err := e.SetString(s); err != nil {
		panic("reference: a constant of the curve is not a number")
	}
	return e
}

func product(factors ...*Element) Element {
	out := fr.One()
	for _, f := range factors {
		out.Mul(&out, f)
	}
	return out
}

func (p Point) onCurve() bool {
	one := fr.One()
	left, right := product(&curveA, &p.X, &p.X), product(&curveD, &p.X, &p.X, &p.Y, &p.Y)
	yy := product(&p.Y, &p.Y)
	left.Add(&left, &yy)
	right.Add(&right, &one)
	return left == right
}

// add is the affine law of twisted Edwards curves, without special cases:
//
//	x = (x1·y2 + y1·x2) / (1 + d·x1·x2·y1·y2)
//	y = (y1·y2 − a·x1·x2) / (1 − d·x1·x2·y1·y2)
//
// On the curve no denominator is 0, since a is a square and d is none.
func add(p, q Point) (sum Point) {
	x, t := product(&p.X, &q.Y), product(&p.Y, &q.X)
	x.Add(&x, &t)
	y, t := product(&p.Y, &q.Y), product(&curveA, &p.X, &q.X)
	y.Sub(&y, &t)
	k := product(&curveD, &p.X, &q.X, &p.Y, &q.Y)
	below, above := fr.One(), fr.One()
	below.Sub(&below, &k)
	above.Add(&above, &k)
	sum.X.Div(&x, &above)
	sum.Y.Div(&y, &below)
	return sum
}

// doublings are B, [2]B, [4]B, … for each bit that an element can have.
var doublings = sync.OnceValue(func() (out [fr.Bits]Point) {
	p := base
	for i := range out {
		out[i] = p
		p = add(p, p)
	}
	return out
})

// multiple is [n]B, for n as an integer and not modulo the order.
func multiple(n Element) Point {
	sum, powers, bits := Point{Y: fr.One()}, doublings(), integer(n)
	for i := range bits.BitLen() {
		if bits.Bit(i) == 1 {
			sum = add(sum, powers[i])
		}
	}
	return sum
}
