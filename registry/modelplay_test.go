package registry_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"reflect"
	"slices"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"pgregory.net/rapid"
)

// A player draws blocks of transactions, most of them good, by what the model
// knows: a small cast and few numbers, so that they get in each other's way.
type player struct {
	t       *rapid.T
	m       *model
	cast    []party
	nonce   uint64
	sent    [][]byte
	numbers map[fr.Element]uint64 // which number a lock was made of
}

const playedNumbers = 24

func newPlayer(t *rapid.T, m *model) *player {
	p := &player{t: t, m: m, numbers: map[fr.Element]uint64{}}
	p.cast = []party{hospital, clinic, issuer, issuer2, insurer, verifiers[0], steward1, steward2, steward3, asleep, stranger, newParty(50), newParty(51)}
	for n := range uint64(playedNumbers) {
		p.numbers[consent.Lock(rs(n))] = n
	}
	return p
}

// pick draws a number below n.
func (p *player) pick(what string, n int) int { return rapid.IntRange(0, n-1).Draw(p.t, what) }

func (p *player) number(what string) uint64 { return uint64(p.pick(what, playedNumbers)) }

// once is true about once in so many draws, and never in the smallest example.
func (p *player) once(what string, in int) bool { return p.pick(what, in) == in-1 }

// keyOf is a party's current key on the ledger. A rotated key is that of a
// party of another seed.
func (p *player) keyOf(who party) ed25519.PrivateKey {
	if a, known := p.m.dir.Authority(who.id); known {
		for seed := range byte(4) {
			if k := rotated(who, seed); a.Key.Equal(k.pub()) {
				return k.key
			}
		}
	}
	return who.key
}

func rotated(who party, times byte) party {
	if times == 0 {
		return who
	}
	return newParty(who.pub()[0]%100 + 100 + times)
}

func (p *player) block() registry.Block {
	b := registry.Block{Height: p.m.height + 1, Time: p.m.time + uint64(p.pick("seconds", 30))}
	for range p.pick("transactions", 6) {
		raw := p.transaction(b.Height)
		p.sent = append(p.sent, raw)
		b.Txs = append(b.Txs, raw)
	}
	for p.once("evidence", 6) {
		who := p.validator()
		if all := p.m.dir.Validators; !p.once("nobody", 4) {
			who = all[p.pick("who", len(all))]
		}
		b.Misbehaving = append(b.Misbehaving, who.Address())
	}
	return b
}

func (p *player) validator() directory.Validator {
	return directory.Validator{Key: []party{validator, newParty(101), newParty(102), newParty(103)}[p.pick("validator", 4)].pub(), Name: "v"}
}

func (p *player) transaction(height uint64) []byte {
	if len(p.sent) > 0 && p.once("sent before", 20) {
		return p.sent[p.pick("which", len(p.sent))]
	}
	p.nonce++
	x := &transaction.Transaction{Genesis: p.m.genesis, Expiry: height + uint64(p.pick("expiry", 8)), Nonce: p.nonce}
	x.Kind = rapid.SampledFrom(playedKinds()).Draw(p.t, "kind")
	if p.once("an item", 3) { // so that there is something to govern
		x.Kind = []transaction.Kind{transaction.CommitConsents, transaction.CommitCredentials, transaction.Revoke, transaction.Spend}[p.pick("kind", 4)]
	}
	switch p.pick("envelope", 60) {
	case 57:
		x.Genesis[0] ^= 1
	case 58:
		x.Expiry = height - 1
	case 59:
		x.Expiry = height + x.Kind.MaxAhead() + uint64(p.pick("ahead", 2))
	}
	if x.Kind.Governed() {
		x.Payload = p.decision(x.Kind)
		p.approve(x)
	} else {
		x.Payload = p.items(x.Kind)
		p.sign(x)
	}
	raw := x.Encode()
	if p.once("damage", 40) {
		raw = bytes.Clone(raw)
		raw[p.pick("where", len(raw))] ^= 1
	}
	return raw
}

func playedKinds() (out []transaction.Kind) {
	for k := transaction.CommitConsents; k <= transaction.SetScope; k++ {
		out = append(out, k)
	}
	return out
}

func (p *player) sign(x *transaction.Transaction) {
	if (x.Kind == transaction.Withdraw || x.Kind == transaction.Revoke) && p.once("stamp", 4) {
		if err := x.Stamp(context.Background(), p.m.dir.Parameters.PowBits); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	who := p.cast[p.pick("signer", len(p.cast))]
	if p.once("in role", 2) {
		who = map[transaction.Kind]party{
			transaction.CommitConsents: hospital, transaction.CommitCredentials: issuer, transaction.Revoke: issuer, transaction.Spend: insurer, transaction.AuditRoot: insurer,
		}[x.Kind]
		if who.key == nil {
			who = clinic
		}
	}
	x.Sign(who.id, p.keyOf(who))
}

func (p *player) approve(x *transaction.Transaction) {
	for _, s := range []party{steward1, steward2, steward3, hospital} {
		if s.id == hospital.id && !p.once("no steward", 30) || p.once("is away", 4) {
			continue
		}
		if err := x.Approve(s.id, p.keyOf(s)); err != nil {
			p.t.Fatal(err)
		}
	}
	if len(x.Signature) == 0 {
		x.Approve(steward1.id, steward1.key)
	}
}

func (p *player) items(k transaction.Kind) []byte {
	n := 1 + p.pick("items", 4)
	switch k {
	case transaction.CommitConsents, transaction.CommitCredentials:
		var out []consent.Sealed
		for range n {
			s := sealed(p.number("cm"))[0]
			if p.once("another lock", 4) {
				s.Lock = consent.Lock(rs(p.number("lock")))
			}
			out = append(out, s)
		}
		return transaction.SealedPayload(out)
	case transaction.Withdraw:
		var out []fr.Element
		for range n {
			out = append(out, rs(p.number("v")))
		}
		return transaction.WithdrawalPayload(out)
	case transaction.Revoke:
		var out []transaction.Revocation
		for range n {
			r := transaction.Revocation{Index: uint64(p.pick("index", len(p.m.leaves)+2))}
			switch p.pick("rs", 5) {
			case 0:
			case 1:
				r.RS = rs(p.number("rs"))
			default:
				if r.Index < uint64(len(p.m.leaves)) {
					r.RS = rs(p.numbers[p.m.leaves[r.Index].sealed.Lock])
				}
			}
			out = append(out, r)
		}
		return transaction.RevocationPayload(out)
	case transaction.Spend:
		var out []transaction.Spending
		for range n {
			name := []string{"a", "b", "c"}[p.pick("scope", 3)]
			out = append(out, transaction.Spending{Scope: directory.ScopeID(name), Nullifier: nullifier(p.number("nullifier") % 8), Digest: [32]byte{byte(p.nonce)}})
		}
		return transaction.SpendPayload(out)
	}
	var out []transaction.Anchor
	for range n {
		out = append(out, transaction.Anchor{Epoch: uint64(p.pick("epoch", int(p.m.epoch())+3)), Root: [32]byte{byte(p.nonce)}})
	}
	return transaction.AuditPayload(out)
}

// next is mostly the number that follows; known says whether there is a last.
func (p *player) next(last uint64, known bool) uint64 {
	n := uint64(0)
	if known {
		n = last + 1
	}
	if p.once("another number", 8) {
		n = uint64(p.pick("number", 4))
	}
	return n
}

func (p *player) decision(k transaction.Kind) []byte {
	d := &p.m.dir
	switch k {
	case transaction.SetAuthority:
		return p.authority()
	case transaction.DistrustRange:
		x := transaction.Distrusting{Sequence: p.next(uint64(len(d.Distrusts))-1, true)}
		x.Authority = p.cast[p.pick("whom", len(p.cast))].id
		x.From = uint64(p.pick("from", len(p.m.leaves)+1))
		x.To = x.From + 1 + uint64(p.pick("long", 8))
		return transaction.DistrustPayload(x)
	case transaction.SetManifest:
		m := directory.Manifest{Circuit: []string{"a", "b"}[p.pick("circuit", 2)], Digest: [32]byte{byte(p.nonce)}}
		i := slices.IndexFunc(d.Manifests, func(x directory.Manifest) bool { return x.Circuit == m.Circuit })
		if m.Sequence = p.next(0, false); i >= 0 {
			m.Sequence = p.next(d.Manifests[i].Sequence, true)
		}
		return m.Encode()
	case transaction.SetSchema, transaction.SetValueSet, transaction.SetTrustList:
		n := directory.Named{Name: []string{"a", "b", "c"}[p.pick("name", 3)], Sequence: uint64(p.pick("number", 6)), Digest: rs(p.nonce)}
		return n.Encode()
	case transaction.SetValidator:
		v := p.validator()
		v.Power = uint64(p.pick("power", 3))
		i := slices.IndexFunc(d.Validators, func(x directory.Validator) bool { return x.Key.Equal(v.Key) })
		if v.Sequence = p.next(0, false); i >= 0 {
			v.Sequence = p.next(d.Validators[i].Sequence, true)
		}
		return v.Encode()
	case transaction.SetParameters:
		x := d.Parameters
		switch p.pick("parameter", 6) {
		case 0:
			x.Quota = 1 + uint64(p.pick("quota", 8))
		case 1:
			x.Stewards = uint64(p.pick("stewards", 4))
		case 2:
			x.Epoch, x.Heartbeat = 10+uint64(p.pick("epoch", 60)), 5
		case 3:
			x.EveryBlock = p.once("every block", 3)
		case 4:
			x.PowBits = 1 + uint64(p.pick("bits", 5))
		case 5:
			x.DevelopmentKeys = !x.DevelopmentKeys
		}
		return x.Encode(p.next(d.Revision, true))
	}
	s := directory.Scope{Name: []string{"a", "b", "c"}[p.pick("scope", 3)]}
	for _, who := range []party{insurer, verifiers[0], hospital, stranger} {
		if p.once("member", 2) && (who.id != stranger.id || p.once("no authority", 4)) {
			s.Members = append(s.Members, who.id)
		}
	}
	sort.Slice(s.Members, func(i, j int) bool { return s.Members[i].Cmp(&s.Members[j]) < 0 })
	i := slices.IndexFunc(d.Scopes, func(x directory.Scope) bool { return x.Name == s.Name })
	if s.Sequence = p.next(0, false); i >= 0 {
		s.Sequence = p.next(d.Scopes[i].Sequence, true)
	}
	return s.Encode()
}

func (p *player) authority() []byte {
	who := p.cast[p.pick("authority", len(p.cast))]
	a, known := p.m.dir.Authority(who.id)
	if !known {
		a = who.record("new"+string('0'+rune(p.pick("uri", 3))), directory.Issuer)
		if p.once("another's id", 6) {
			a.Key = newParty(99).pub()
		}
	}
	a.Sequence = p.next(a.Sequence, known)
	switch p.pick("change", 6) {
	case 0:
		a.Active = !a.Active
	case 1:
		a.Key = rotated(who, byte(1+p.pick("key", 3))).pub()
	case 2:
		a.Roles = directory.Roles(1 + p.pick("roles", 31))
	case 3:
		a.URI = "https://example.org/new" + string('0'+rune(p.pick("uri", 3)))
	default:
		a.Active = true
	}
	return transaction.AuthorityPayload(a)
}

func modelGenesis() *directory.Genesis {
	g := testGenesis(func(g *directory.Genesis) {
		g.Directory.Authorities = append(g.Directory.Authorities, verifiers[0].record("verifier", directory.Verifier))
		p := &g.Directory.Parameters
		p.Epoch, p.Heartbeat, p.Quota, p.PowBits = 60, 10, 5, 3
		g.Directory.Scopes = []directory.Scope{{Name: "a", Members: members(insurer, verifiers[0])}}
	})
	return g
}

// TestStateIsTheModels plays random blocks to two states and to the model:
// every code, every item's code, the directory, all logs, roots and changes of
// validators must be the model's after every block, and the two states' hashes
// equal, although the second is read, asked, opened anew and made to stage what
// it then drops.
func TestStateIsTheModels(t *testing.T) {
	codes, items, kinds := map[transaction.Code]int{}, map[transaction.ItemCode]int{}, map[transaction.Kind]int{}
	punished := 0
	rapid.Check(t, func(rt *rapid.T) {
		g := modelGenesis()
		m := newModel(g)
		p := newPlayer(rt, m)
		fs := vfs.NewMem()
		open := func(fs vfs.FS) *registry.State {
			s, err := registry.Open("state", &registry.Options{FS: fs})
			if err != nil {
				rt.Fatal(err)
			}
			return s
		}
		a, b := open(vfs.NewMem()), open(fs)
		defer func() { a.Close(); b.Close() }()
		for _, s := range []*registry.State{a, b} {
			if _, err := s.InitGenesis(g.Encode()); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "blocks") {
			block := p.block()
			switch p.pick("disturb", 5) {
			case 0:
				b.Close()
				b = open(fs)
			case 1:
				if _, err := b.Apply(registry.Block{Height: block.Height, Time: block.Time + 100, Txs: p.sent}); err != nil {
					rt.Fatal(err)
				}
			}
			for _, raw := range block.Txs {
				if _, err := b.CheckTx(raw); err != nil {
					rt.Fatal(err)
				}
			}
			got, err := a.Apply(block)
			if err != nil {
				rt.Fatal(err)
			}
			other, err := b.Apply(block)
			if err != nil || other.AppHash != got.AppHash {
				rt.Fatalf("two states differ: %v", err)
			}
			if err := a.Commit(); err != nil {
				rt.Fatal(err)
			}
			if err := b.Commit(); err != nil {
				rt.Fatal(err)
			}
			results, changed := m.block(block)
			for i, want := range results {
				if r := got.Results[i]; r.Code != want.Code || !slices.Equal(r.Items, want.Items) {
					rt.Fatalf("block %d, transaction %d: %v %v (%s), the model says %v %v", block.Height, i, r.Code, r.Items, r.Reason, want.Code, want.Items)
				}
				codes[want.Code]++
				for _, c := range want.Items {
					items[c]++
				}
				if x, err := transaction.Decode(block.Txs[i]); err == nil && want.Code == transaction.Executed {
					kinds[x.Kind]++
				}
			}
			if len(block.Misbehaving) > 0 && len(changed) > 0 {
				punished++
			}
			if len(got.Validators) != len(changed) || len(changed) > 0 && !reflect.DeepEqual(got.Validators, changed) {
				rt.Fatalf("block %d: validators %+v, the model says %+v", block.Height, got.Validators, changed)
			}
			compareWithModel(rt, a, m)
			if got.Parameters != m.dir.Parameters {
				rt.Fatalf("block %d: parameters %+v, the model says %+v", block.Height, got.Parameters, m.dir.Parameters)
			}
		}
		for _, s := range []*registry.State{a, b} {
			if _, err := s.Check(context.Background(), nil); err != nil {
				rt.Fatal(err)
			}
		}
	})
	if testing.Short() || t.Failed() {
		return
	}
	// A play in which nothing happens shows nothing.
	t.Logf("codes %v, items %v, kinds %v, %d punished", codes, items, kinds, punished)
	for c := transaction.Executed; c <= transaction.NotGoverned; c++ {
		if codes[c] == 0 {
			t.Errorf("no transaction was %v", c)
		}
	}
	for c := transaction.Accepted; c <= transaction.FutureEpoch; c++ {
		if items[c] == 0 && c != transaction.TreeFull {
			t.Errorf("no item was %v", c)
		}
	}
	for k := transaction.CommitConsents; k <= transaction.SetScope; k++ {
		if kinds[k] == 0 {
			t.Errorf("no %v was executed", k)
		}
	}
	if punished == 0 {
		t.Error("nobody was punished")
	}
}

// compareWithModel holds all that can be read of a state against the model.
func compareWithModel(t *rapid.T, s *registry.State, m *model) {
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	last := m.epochs[len(m.epochs)-1]
	if v.State.Epoch != last.Number || v.State.Root != last.Root || v.Height != m.height || v.Time != m.time {
		t.Fatalf("block %d: epoch %d, the model says %d; or another root", v.Height, v.State.Epoch, last.Number)
	}
	if !bytes.Equal(v.Directory, m.dir.Encode()) {
		d, err := directory.DecodeDirectory(v.Directory)
		t.Fatalf("block %d: directory %+v, %v\nthe model says %+v", v.Height, d, err, m.dir)
	}
	var logs [journal.Audits + 1][][]byte
	for _, e := range m.records {
		logs[journal.Records] = append(logs[journal.Records], e.Encode())
	}
	for _, e := range m.withdrawals {
		logs[journal.Withdrawals] = append(logs[journal.Withdrawals], e.Encode())
	}
	for _, e := range m.epochs {
		logs[journal.Epochs] = append(logs[journal.Epochs], e.Encode())
	}
	for _, e := range m.spends {
		logs[journal.Spends] = append(logs[journal.Spends], e.Encode())
	}
	for _, e := range m.audits {
		logs[journal.Audits] = append(logs[journal.Audits], e.Encode())
	}
	for _, k := range journal.Kinds() {
		acc := journal.NewAccumulator()
		for _, e := range logs[k] {
			if err := acc.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := acc.Log(); err != nil || k.Of(&v.State) != want {
			t.Fatalf("block %d: the log of %v has %d entries, the model's %d; or another root", v.Height, k, k.Of(&v.State).Count, want.Count)
		}
	}
}
