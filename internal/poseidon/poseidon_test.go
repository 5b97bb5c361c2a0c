package poseidon

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/poseidon2"
	"github.com/zkconsent/zkconsent/internal/field"
	"pgregory.net/rapid"
)

type vectors struct {
	Permutation []struct{ In, Out []string }
	Node, Sum   []struct {
		In  []string
		Out string
	}
}

func parse(t *testing.T, hex ...string) (out []fr.Element) {
	t.Helper()
	for _, h := range hex {
		e, err := field.ParseHex(h)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestVectors compares with testdata/vectors.py, which derives the constants
// from the Grain LFSR and computes in arbitrary-precision integers.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Permutation) != 8 || len(v.Node) != 3 || len(v.Sum) != MaxInputs+1 {
		t.Fatalf("%d, %d, %d vectors", len(v.Permutation), len(v.Node), len(v.Sum))
	}
	permutations := map[int]*poseidon2.Permutation{NarrowWidth: narrow(), WideWidth: wide()}
	for i, c := range v.Permutation {
		state, want := parse(t, c.In...), parse(t, c.Out...)
		if err := permutations[len(state)].Permutation(state); err != nil {
			t.Fatal(err)
		}
		for lane := range want {
			if state[lane] != want[lane] {
				t.Fatalf("permutation %d, width %d: lane %d is %s, want %s", i, len(state), lane, field.Hex(state[lane]), c.Out[lane])
			}
		}
	}
	for i, c := range v.Node {
		x := parse(t, c.In...)
		if got := field.Hex(Node(x[0], x[1], x[2], x[3])); got != c.Out {
			t.Errorf("node %d is %s, want %s", i, got, c.Out)
		}
	}
	for _, c := range v.Sum {
		if got := field.Hex(Sum(field.Tag("VECTOR"), parse(t, c.In...)...)); got != c.Out {
			t.Errorf("sum of %d inputs is %s, want %s", len(c.In), got, c.Out)
		}
	}
}

// TestTagsAreFrozen pins each tag: a change would orphan every record.
func TestTagsAreFrozen(t *testing.T) {
	seen := map[fr.Element]string{}
	for name, c := range map[string]struct {
		tag fr.Element
		hex string
	}{
		"HOLDER":          {TagHolder, "17bf6006c5d5b8b9c736e8261854548ab9a162d35b4ccccce882c4cd22ca59fd"},
		"CONSENT":         {TagConsent, "102bcb691779dc64dcfef79932ab2a05e9b4ffc51a6af4d0db120332e116bc8e"},
		"CREDENTIAL":      {TagCredential, "19ef3883ad20dee04acacb2679d01485e3e011df655abf91280f1bc1ce28b0f2"},
		"WKEY":            {TagWithdrawalKey, "08d2b3eb8612654320133e6e4669235e8c5aa1f577bf122c9b1cf87c6716bf53"},
		"LOCK":            {TagLock, "2a8e1d3d89375fd6c516968e8a4ca929ee11cb09c449ec08f4784ed89ff79929"},
		"LEAF_CONSENT":    {TagLeafConsent, "28398b79eb6d99e02bf731c094101afead2710ec31b99c7784f714e83ef06a88"},
		"LEAF_CREDENTIAL": {TagLeafCredential, "05b9451d26a1ba080b0b0c2478d2516ad589a419ae5a9415c524c9bc07eabe02"},
		"INTERVAL":        {TagInterval, "174c53161719ce423ece36b994dcafbda83d93fb7d4cdfba290df0d78d153c14"},
		"NULLIFIER":       {TagNullifier, "14153067766573f6d8c7891db032151ba1bc25b50d190c8763a7213d94730fc4"},
		"WATCH":           {TagWatch, "19521de193ddd3225fd145390aa1e323b866b3376ac0e683bbf2f408d68c0428"},
	} {
		if got := field.Hex(c.tag); got != c.hex || c.tag != field.Tag(name) {
			t.Errorf("%s is %s, want %s", name, got, c.hex)
		}
		if other, dup := seen[c.tag]; dup {
			t.Errorf("%s and %s are one tag", name, other)
		}
		seen[c.tag] = name
	}
}

func TestEveryInputAndTheTagAreBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, MaxInputs).Draw(t, "inputs")
		inputs := make([]fr.Element, n)
		for i := range inputs {
			inputs[i] = field.Uint(rapid.Uint64().Draw(t, "input"))
		}
		want := Sum(TagHolder, inputs...)
		if Sum(TagHolder, inputs...) != want || Sum(TagWatch, inputs...) == want {
			t.Fatal("the hash is not a function of tag and inputs")
		}
		i := rapid.IntRange(0, n-1).Draw(t, "changed")
		one := fr.One()
		inputs[i].Add(&inputs[i], &one)
		if Sum(TagHolder, inputs...) == want {
			t.Fatalf("input %d of %d is not bound", i, n)
		}
	})
}

// TestInputsAreNotModified: hashing must not write into the caller's slice.
func TestInputsAreNotModified(t *testing.T) {
	in := []fr.Element{field.Uint(1), field.Uint(2)}
	Sum(TagInterval, in...)
	if in[0] != field.Uint(1) || in[1] != field.Uint(2) {
		t.Error("inputs were overwritten")
	}
}

// TestPaddingIsWhyATagHasOneArity: unused lanes are 0, so a trailing zero
// input adds nothing within one width. Each tag's fixed number of inputs
// (docs/spec.md §2.3) is what keeps such inputs apart.
func TestPaddingIsWhyATagHasOneArity(t *testing.T) {
	x, zero := field.Uint(7), fr.Element{}
	if Sum(TagLock, x) != Sum(TagLock, x, zero) {
		t.Error("padding is not with zeros")
	}
	if Sum(TagLock, x, zero, zero) == Sum(TagLock, x, zero, zero, zero) {
		t.Error("the widths collide")
	}
}

func TestRefusesMoreInputsThanLanes(t *testing.T) {
	Sum(TagHolder, make([]fr.Element, MaxInputs)...)
	defer func() {
		if recover() == nil {
			t.Error("16 inputs were hashed")
		}
	}()
	Sum(TagHolder, make([]fr.Element, MaxInputs+1)...)
}
