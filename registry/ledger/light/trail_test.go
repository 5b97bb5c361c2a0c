package light_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// turnover is a ledger of four validators to which a fifth one came, and of
// which the first four left one after another.
func turnover(t testing.TB, each func(*world)) *world {
	w := newWorldOf(t, testGenesis(), 10, 11, 12, 13)
	for _, next := range [][]byte{{10, 11, 12, 13}, {10, 11, 12, 13, 14}, {11, 12, 13, 14}, {12, 13, 14}, {13, 14}, {14}} {
		if !bytes.Equal(next, w.signers) {
			w.change(next...)
			if each != nil {
				each(w)
			}
		}
		for range 3 {
			w.block(2, w.commit(w.height*4, 2))
			if each != nil {
				each(w)
			}
		}
	}
	return w
}

func TestClientFollowsAcrossChanges(t *testing.T) {
	dir := t.TempDir()
	var old *light.Client
	w := turnover(t, func(w *world) {
		if old == nil {
			old = open(t, w, w, dir)
		}
		follow(t, old)
		h, err := old.Head()
		if err != nil || h.State != w.head().State {
			t.Fatalf("at height %d: %v", w.height, err)
		}
		if again, err := light.VerifyHead(w.genesis, h.Encode()); err != nil || again.Height != h.Height {
			t.Fatalf("the head of height %d with its %d links: %v", h.Height, len(h.Trail), err)
		}
	})
	for name, c := range map[string]*light.Client{"fresh": open(t, w, w, ""), "kept": open(t, w, w, dir), "old": old} {
		follow(t, c)
		h, err := c.Head()
		if err != nil || h.Height != w.height+1 {
			t.Fatalf("%s: %+v, %v", name, h.Height, err)
		}
		if _, err := light.VerifyHead(w.genesis, h.Encode()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The first set's last header, one of a set that overlaps with both
		// ends, and the last changes, of which each replaces half or more.
		if n := len(h.Trail); n < 2 || n > 4 {
			t.Errorf("%s: a trail of %d of the %d light blocks", name, n, len(w.trail))
		}
		bare := h
		bare.Trail = nil
		_, err = light.VerifyHead(w.genesis, bare.Encode())
		wantLie(t, err, light.ForeignValidators)
	}
	// They come back: the genesis vouches for them again, without a trail.
	w.change(10, 11, 12, 13)
	w.block(1)
	c := open(t, w, w, "")
	follow(t, c)
	follow(t, old)
	if h, _ := c.Head(); len(h.Trail) != 0 {
		t.Errorf("a trail of %d links to where it began", len(h.Trail))
	}
	if h, _ := old.Head(); len(h.Trail) != 0 {
		t.Errorf("a trail of %d links to where it began, for a client that walked it", len(h.Trail))
	}
}

// clone puts other links before a head.
func clone(h *directory.Head, links ...[]byte) *directory.Head {
	c := *h
	c.Trail = links
	return &c
}

func TestAttack_ForgedTrail(t *testing.T) {
	w := turnover(t, nil)
	c := open(t, w, w, "")
	follow(t, c)
	h, err := c.Head()
	if err != nil || len(h.Trail) < 2 {
		t.Fatalf("%d links, %v", len(h.Trail), err)
	}
	links := h.Trail
	all := func() (out [][]byte) {
		for _, x := range w.trail {
			out = append(out, x.SignedHeader)
		}
		return out
	}()
	first := w.trail[0]
	resigned := func(v votes) []byte {
		return encodeHead(t, signed(w.genesis, first.State, first.Height, start.Add(time.Minute), v), first.State).SignedHeader
	}
	four, five := []byte{10, 11, 12, 13}, []byte{20, 21, 22, 23, 24}
	theirs := func(by ...byte) []byte {
		return encodeHead(t, signed(w.genesis, first.State, first.Height+1, start.Add(2*time.Minute), votes{of: five, next: five, by: by}), first.State).SignedHeader
	}
	forged := encodeHead(t, signed(w.genesis, h.State, h.Height, start.Add(3*time.Minute), votes{of: five, next: five, by: five}), h.State)
	for _, x := range []struct {
		name string
		head *directory.Head
		lie  light.Lie
	}{
		{"a gap", clone(&h, links[1:]...), light.BrokenTrail},
		{"the last link missing", clone(&h, links[:len(links)-1]...), light.BrokenTrail},
		{"the wrong order", clone(&h, append([][]byte{links[1], links[0]}, links[2:]...)...), light.BrokenTrail},
		{"one link twice", clone(&h, append([][]byte{links[0]}, links...)...), light.BrokenTrail},
		{"a link to spare", clone(&h, all...), light.BrokenTrail},
		{"a link that is needed by nobody", clone(w.trail[0], w.trail[0].SignedHeader), light.BrokenTrail},
		{"a link that names other validators than follow", clone(forged, resigned(votes{of: four, next: four, by: four}), theirs(five...)), light.BrokenTrail},
		{"a link of retired validators' making", clone(forged, resigned(votes{of: five, next: five, by: five})), light.BrokenTrail},
		{"a link without two thirds", clone(forged, resigned(votes{of: four, next: five, by: four[:2]})), light.BadSignatures},
		{"next validators without two thirds", clone(forged, resigned(votes{of: four, next: five, by: four}), theirs(five[:3]...)), light.BadSignatures},
		{"a trail too long", clone(&h, bytes.Split(bytes.Repeat([]byte{'x'}, directory.MaxTrail+1), nil)...), light.Malformed},
		{"a link that is none", clone(&h, []byte("link")), light.Malformed},
		{"a link with an unknown field", clone(&h, append([][]byte{append(append([]byte(nil), links[0]...), 0x98, 0x06, 0x01)}, links[1:]...)...), light.Malformed},
		{"a link of another chain", clone(&h, append([][]byte{encodeHead(t, signed(&directory.Genesis{ChainID: "another"}, first.State, first.Height, start, votes{of: four, next: four, by: four}), first.State).SignedHeader}, links[1:]...)...), light.BadSignatures},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := light.VerifyHead(w.genesis, x.head.Encode())
			wantLie(t, err, x.lie)
		})
	}
	// The forger's own chain is whole: two thirds of the first set named his.
	good := clone(forged, resigned(votes{of: four, next: five, by: four[:3]}))
	if _, err := light.VerifyHead(w.genesis, good.Encode()); err == nil {
		t.Error("a hop over a height to validators that nobody vouched for")
	}
	good.Trail = append(good.Trail, theirs(five[:4]...))
	if _, err := light.VerifyHead(w.genesis, good.Encode()); err != nil {
		t.Errorf("the cases above are refused for another reason than theirs: %v", err)
	}
}

// TestAttack_UncountedVotes has a true header carry bad votes beside the good
// ones, which would be counted where a later set is held against an earlier one.
func TestAttack_UncountedVotes(t *testing.T) {
	w := newWorldOf(t, testGenesis(), 10, 11, 12, 13)
	w.block(1)
	h := w.head()
	for name, spoil := range map[string]func(*types.CommitSig){
		"a signature":        func(s *types.CommitSig) { s.Signature = bytes.Repeat([]byte{1}, 64) },
		"a vote for nothing": func(s *types.CommitSig) { s.BlockIDFlag = types.BlockIDFlagNil },
		"a time":             func(s *types.CommitSig) { s.Timestamp = s.Timestamp.Add(time.Second) },
	} {
		lb := lightBlock(t, h)
		spoil(&lb.Commit.Signatures[3])
		_, err := light.VerifyHead(w.genesis, encodeHead(t, lb, h.State).Encode())
		if err == nil {
			t.Errorf("%s of the fourth of four was not looked at", name)
			continue
		}
		wantLie(t, err, light.BadSignatures)
	}
	// What no signature covers has one form.
	lb := lightBlock(t, h)
	lb.ValidatorSet.Validators[0].ProposerPriority += 7
	_, err := light.VerifyHead(w.genesis, encodeHead(t, lb, h.State).Encode())
	wantLie(t, err, light.Malformed)
}

func TestAttack_LyingAboutTrail(t *testing.T) {
	w := turnover(t, nil)
	five := []byte{20, 21, 22, 23, 24}
	first := w.trail[0]
	link := func(height uint64, v votes) []byte {
		return encodeHead(t, signed(w.genesis, first.State, height, start.Add(time.Minute), v), first.State).SignedHeader
	}
	reverse := func(b [][]byte) [][]byte {
		out := make([][]byte, len(b))
		for i := range b {
			out[len(b)-1-i] = b[i]
		}
		return out
	}
	for _, x := range []struct {
		name  string
		trail func(above uint64, links [][]byte) [][]byte
		lie   light.Lie
	}{
		{"no trail", func(uint64, [][]byte) [][]byte { return nil }, light.ForeignValidators},
		{"a trail that ends", func(above uint64, b [][]byte) [][]byte {
			if above > 0 {
				return nil
			}
			return b
		}, light.ForeignValidators},
		{"the start of the trail again and again", func(uint64, [][]byte) [][]byte { return [][]byte{first.SignedHeader} }, light.BrokenTrail},
		{"a trail that begins too late", func(above uint64, b [][]byte) [][]byte { return b[len(b)-1:] }, light.BrokenTrail},
		{"a trail backwards", func(_ uint64, b [][]byte) [][]byte { return reverse(b) }, light.BrokenTrail},
		{"other validators' trail", func(above uint64, _ [][]byte) [][]byte {
			return [][]byte{link(above+1, votes{of: five, next: five, by: five})}
		}, light.BrokenTrail},
		{"a trail without two thirds", func(above uint64, _ [][]byte) [][]byte {
			return [][]byte{link(above+1, votes{of: []byte{10, 11, 12, 13}, next: five, by: []byte{10, 11}})}
		}, light.BadSignatures},
		{"a trail of junk", func(uint64, [][]byte) [][]byte { return [][]byte{[]byte("junk")} }, light.Malformed},
		{"a giant light block", func(uint64, [][]byte) [][]byte { return [][]byte{make([]byte, 1<<20)} }, light.Malformed},
		{"more than was asked for", func(_ uint64, b [][]byte) [][]byte { return bytes.Split(make([]byte, 10000), nil) }, light.BrokenTrail},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := &liar{Source: w, trail: x.trail}
			c := open(t, w, l, "")
			wantLie(t, c.Sync(context.Background()), x.lie)
			if _, err := c.Head(); !errors.Is(err, light.ErrNoHead) {
				t.Error("the client believed it")
			}
			l.trail = nil
			follow(t, c)
		})
	}
}

// TestAttack_EndlessTrail is a node whose true chain of one set of validators
// is told header by header.
func TestAttack_EndlessTrail(t *testing.T) {
	w := newWorldOf(t, testGenesis(), 10)
	w.block(1)
	s := w.head().State
	calls := 0
	l := &liar{Source: w, trail: func(above uint64, _ [][]byte) (out [][]byte) {
		calls++
		for i := above + 1; len(out) < light.MaxLinks; i++ {
			out = append(out, encodeHead(t, signed(w.genesis, s, i, start.Add(time.Duration(i)*time.Millisecond), votes{of: []byte{10}, next: []byte{10}, by: []byte{10}}), s).SignedHeader)
		}
		return out
	}, checkpoint: func([]byte) []byte {
		return sign(t, w.genesis, s, 1<<40, start.Add(time.Hour), 66).Encode()
	}}
	wantLie(t, open(t, w, l, "").Sync(context.Background()), light.BrokenTrail)
	if calls > 40 {
		t.Errorf("%d calls", calls)
	}
}

// TestAttack_RetiredValidatorsFork: the first four have left, somebody has
// their keys now, and signs a ledger that goes on where they left it.
func TestAttack_RetiredValidatorsFork(t *testing.T) {
	w := turnover(t, nil)
	dir := t.TempDir()
	follow(t, open(t, w, w, dir))
	s := w.head().State
	s.History[0] ^= 1
	retired := []byte{10, 11, 12, 13}
	l := &liar{Source: w, checkpoint: func([]byte) []byte {
		return sign(t, w.genesis, s, w.height+2, w.time.Add(time.Second), retired...).Encode()
	}}
	wantLie(t, open(t, w, l, dir).Sync(context.Background()), light.ForeignValidators)
	// Whoever was away for too long does not even ask.
	now := start.Add((1<<20 + 1) * time.Second)
	away := func(trusted []byte) *light.Client {
		c, err := light.Open(light.Config{Genesis: w.genesis, Source: w, Clock: func() time.Time { return now }, Trusted: trusted})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := away(nil).Sync(context.Background()); !errors.Is(err, light.ErrTrustExpired) {
		t.Errorf("%v, want ErrTrustExpired", err)
	}
	now = start.Add(1 << 20 * time.Second)
	if err := away(nil).Sync(context.Background()); !errors.Is(err, light.StaleHead) {
		t.Errorf("at the end of the trust period: %v, want no more than a stale head", err)
	}
	// A head that somebody trusted has verified heals it.
	known, err := open(t, w, w, dir).Head()
	if err != nil {
		t.Fatal(err)
	}
	now = start.Add((1<<20 + 1) * time.Second)
	if err := away(known.Encode()).Sync(context.Background()); !errors.Is(err, light.StaleHead) {
		t.Errorf("%v, want no more than a stale head", err)
	}
	now = w.time.Add((1<<20 + 1) * time.Second)
	if err := away(known.Encode()).Sync(context.Background()); !errors.Is(err, light.ErrTrustExpired) {
		t.Errorf("%v, want ErrTrustExpired", err)
	}
}

// TestTrustedHead: what a user names is held against what the client knows.
func TestTrustedHead(t *testing.T) {
	w := turnover(t, nil)
	dir := t.TempDir()
	c := open(t, w, w, dir)
	follow(t, c)
	known, _ := c.Head()
	config := light.Config{Genesis: w.genesis, Source: w, Dir: dir, Clock: w.clock}
	for name, x := range map[string]struct {
		head *directory.Head
		lie  light.Lie
	}{
		"without its trail":       {clone(&known), light.ForeignValidators},
		"of the retired":          {sign(t, w.genesis, known.State, known.Height+1, w.time, 66), light.ForeignValidators},
		"another of that height":  {clone(encodeHead(t, signed(w.genesis, known.State, known.Height, w.time.Add(time.Second), votes{of: []byte{14}, next: []byte{14}, by: []byte{14}}), known.State), known.Trail...), light.Fork},
		"one that has lost a log": {clone(sign(t, w.genesis, withoutWithdrawals(known.State), known.Height+1, w.time.Add(time.Second), 14), known.Trail...), light.Fork},
	} {
		config.Trusted = x.head.Encode()
		_, err := light.Open(config)
		if err == nil {
			t.Errorf("%s: it was taken", name)
			continue
		}
		wantLie(t, err, x.lie)
	}
	// It is a floor like any other.
	config.Trusted = clone(sign(t, w.genesis, known.State, known.Height+5, w.time.Add(time.Second), 14), known.Trail...).Encode()
	d, err := light.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	wantLie(t, d.Sync(context.Background()), light.Backwards)
}

func withoutWithdrawals(s directory.State) directory.State {
	s.Records = directory.Log{}
	return s
}
