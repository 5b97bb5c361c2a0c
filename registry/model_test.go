package registry_test

import (
	"bytes"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A model is the state machine once more, from docs/spec.md §6 and §7 alone:
// slices and maps in memory, everything computed from the beginning, no hurry
// and no store. It shares the decoders of messages, the validity of a directory
// and the hashes with the real one, and nothing of the package registry but its
// types.
type model struct {
	genesis         [32]byte
	height, time    uint64
	lastClose       uint64
	dir             directory.Directory
	leaves          []modelLeaf
	records         []journal.Record
	withdrawals     []journal.Withdrawal
	spends          []journal.Spend
	audits          []journal.Audit
	epochs          []directory.Epoch
	executed        map[[32]byte]bool
	used            map[modelQuota]uint64 // in this epoch
	executedInBlock int
}

type modelLeaf struct {
	kind    consent.Kind
	by      fr.Element
	sealed  consent.Sealed
	revoked bool
}

type modelQuota struct {
	class string
	by    fr.Element
}

func newModel(g *directory.Genesis) *model {
	return &model{
		genesis: directory.GenesisHash(g), time: g.Time, lastClose: g.Time, dir: g.Directory,
		epochs: []directory.Epoch{{Root: merkle.Empty(journal.Depth), ClosedAt: g.Time}}, executed: map[[32]byte]bool{}, used: map[modelQuota]uint64{},
	}
}

func (m *model) epoch() uint64 { return m.epochs[len(m.epochs)-1].Number }

func (m *model) block(b registry.Block) (results []transaction.Result, changed []directory.Validator) {
	m.height, m.time, m.executedInBlock = b.Height, b.Time, 0
	before := map[string]uint64{}
	for _, v := range m.dir.Validators {
		before[string(v.Key)] = v.Power
	}
	m.dir.Validators = slices.Clone(m.dir.Validators)
	for _, who := range b.Misbehaving {
		for i, v := range m.dir.Validators {
			if v.Address() == who && v.Power > 0 && len(m.dir.Voting()) > 1 {
				m.dir.Validators[i].Power = 0
				m.dir.Validators[i].Sequence++
			}
		}
	}
	for _, raw := range b.Txs {
		code, items := m.execute(raw)
		results = append(results, transaction.Result{Height: b.Height, Code: code, Items: items})
		if code == transaction.Executed {
			m.executedInBlock++
		}
	}
	p := m.dir.Parameters
	if m.time-m.lastClose >= p.Epoch || p.EveryBlock && m.executedInBlock > 0 {
		m.close()
	}
	for _, v := range m.dir.Validators {
		if before[string(v.Key)] != v.Power {
			changed = append(changed, v)
		}
	}
	return results, changed
}

func (m *model) close() {
	values := make([]fr.Element, len(m.leaves))
	live := map[fr.Element]uint64{}
	for i, l := range m.leaves {
		if !l.revoked {
			values[i] = consent.Leaf(l.kind, l.by, l.sealed.Commitment, l.sealed.Lock)
			live[l.by]++
		}
	}
	root := merkle.Empty(journal.Depth)
	if len(values) > 0 {
		tree, err := merkle.NewTree(journal.Depth, values...)
		if err != nil {
			panic(err)
		}
		root = tree.Root()
	}
	m.dir.Authorities = slices.Clone(m.dir.Authorities)
	for i := range m.dir.Authorities {
		m.dir.Authorities[i].Live = live[m.dir.Authorities[i].ID]
	}
	m.epochs = append(m.epochs, directory.Epoch{
		Number: m.epoch() + 1, Root: root, Records: uint64(len(m.records)), Withdrawals: uint64(len(m.withdrawals)), ClosedAt: m.time,
	})
	m.lastClose = m.time
	clear(m.used)
}

func (m *model) execute(raw []byte) (transaction.Code, []transaction.ItemCode) {
	t, err := transaction.Decode(raw)
	if err != nil {
		return transaction.Malformed, nil
	}
	ahead := uint64(1000)
	if t.Kind.Governed() {
		ahead = 1 << 22
	}
	switch {
	case t.Genesis != m.genesis:
		return transaction.OtherLedger, nil
	case t.Expiry < m.height:
		return transaction.Expired, nil
	case t.Expiry > m.height+ahead:
		return transaction.TooFarAhead, nil
	case m.executed[t.Digest()]:
		return transaction.Repeated, nil
	}
	var items []transaction.ItemCode
	if t.Kind.Governed() {
		if code := m.decide(t); code != transaction.Executed {
			return code, nil
		}
	} else {
		run, err := m.items(t)
		if err != nil {
			return transaction.Malformed, nil
		}
		if code := m.admits(t); code != transaction.Executed {
			return code, nil
		}
		items = run()
	}
	m.executed[t.Digest()] = true
	return transaction.Executed, items
}

func (m *model) admits(t *transaction.Transaction) transaction.Code {
	if t.Signer.IsZero() {
		if t.Items() != 1 || t.CheckStamp(m.dir.Parameters.PowBits) != nil {
			return transaction.BadStamp
		}
		return transaction.Executed
	}
	who, known := m.dir.Authority(t.Signer)
	role := map[transaction.Kind]directory.Roles{
		transaction.CommitConsents: directory.Registrar, transaction.CommitCredentials: directory.Issuer,
		transaction.Spend: directory.Verifier, transaction.AuditRoot: directory.Verifier,
	}[t.Kind]
	switch {
	case !known || !who.Active:
		return transaction.UnknownSigner
	case role != 0 && who.Roles&role == 0:
		return transaction.NotInRole
	case !t.SignedBy(who.Key):
		return transaction.BadSignature
	}
	return transaction.Executed
}

// charge counts one item against a quota, if there is room.
func (m *model) charge(class string, by fr.Element) bool {
	k := modelQuota{class, by}
	if by.IsZero() {
		return true
	}
	if m.used[k] >= m.dir.Parameters.Quota {
		return false
	}
	m.used[k]++
	return true
}

// items decodes a payload and returns what judges its items one after another.
func (m *model) items(t *transaction.Transaction) (func() []transaction.ItemCode, error) {
	switch t.Kind {
	case transaction.CommitConsents, transaction.CommitCredentials:
		kind := consent.KindConsent
		if t.Kind == transaction.CommitCredentials {
			kind = consent.KindCredential
		}
		return each(transaction.DecodeSealed, t, func(s consent.Sealed) transaction.ItemCode { return m.commit(kind, t.Signer, s) })
	case transaction.Withdraw:
		return each(transaction.DecodeWithdrawals, t, func(v fr.Element) transaction.ItemCode { return m.withdraw(t.Signer, v) })
	case transaction.Revoke:
		return each(transaction.DecodeRevocations, t, func(r transaction.Revocation) transaction.ItemCode { return m.revoke(t.Signer, r) })
	case transaction.Spend:
		return each(transaction.DecodeSpendings, t, func(s transaction.Spending) transaction.ItemCode { return m.spend(t.Signer, s) })
	}
	return each(transaction.DecodeAnchors, t, func(a transaction.Anchor) transaction.ItemCode { return m.anchor(t.Signer, a) })
}

func each[T any](decode func([]byte) ([]T, error), t *transaction.Transaction, judge func(T) transaction.ItemCode) (func() []transaction.ItemCode, error) {
	xs, err := decode(t.Payload)
	return func() (codes []transaction.ItemCode) {
		for _, x := range xs {
			codes = append(codes, judge(x))
		}
		return codes
	}, err
}

func (m *model) commit(k consent.Kind, by fr.Element, s consent.Sealed) transaction.ItemCode {
	for _, l := range m.leaves {
		if l.by == by && l.sealed.Lock == s.Lock {
			return transaction.DuplicateLock
		}
	}
	for _, l := range m.leaves {
		if l.by == by && l.sealed.Commitment == s.Commitment {
			return transaction.DuplicateCM
		}
	}
	if !m.charge("leaves", by) {
		return transaction.OverQuota
	}
	m.records = append(m.records, journal.Record{
		Kind: k, Index: uint64(len(m.leaves)), Authority: by, Lock: s.Lock, Leaf: consent.Leaf(k, by, s.Commitment, s.Lock),
	})
	m.leaves = append(m.leaves, modelLeaf{kind: k, by: by, sealed: s})
	return transaction.Accepted
}

func (m *model) withdraw(by, v fr.Element) transaction.ItemCode {
	for _, w := range m.withdrawals {
		if w.V == v {
			return transaction.RepeatedSecret
		}
	}
	if !m.charge("withdrawals", by) {
		return transaction.OverQuota
	}
	m.withdrawals = append(m.withdrawals, journal.Withdrawal{V: v, At: m.time})
	return transaction.Accepted
}

func (m *model) revoke(by fr.Element, r transaction.Revocation) transaction.ItemCode {
	if r.Index >= uint64(len(m.leaves)) {
		return transaction.UnknownIndex
	}
	l := &m.leaves[r.Index]
	opened := consent.Lock(r.RS) == l.sealed.Lock
	if r.RS.IsZero() {
		opened = l.kind == consent.KindCredential && l.by == by && !by.IsZero()
	}
	switch {
	case l.revoked:
		return transaction.AlreadyRevoked
	case !opened:
		return transaction.WrongRS
	case !m.charge("revocations", by):
		return transaction.OverQuota
	}
	m.strike(r.Index, r.RS)
	return transaction.Accepted
}

func (m *model) strike(index uint64, rs fr.Element) {
	m.leaves[index].revoked = true
	m.records = append(m.records, journal.Record{Revoked: true, Index: index, RS: rs})
}

func (m *model) spend(by fr.Element, s transaction.Spending) transaction.ItemCode {
	at := slices.IndexFunc(m.dir.Scopes, func(x directory.Scope) bool { return directory.ScopeID(x.Name) == s.Scope })
	switch {
	case at < 0:
		return transaction.UnknownScope
	case !slices.Contains(m.dir.Scopes[at].Members, by):
		return transaction.NotMember
	case slices.ContainsFunc(m.spends, func(x journal.Spend) bool { return x.Scope == s.Scope && x.Nullifier == s.Nullifier }):
		return transaction.AlreadySpent
	case !m.charge("spends", by):
		return transaction.OverQuota
	}
	m.spends = append(m.spends, journal.Spend{Scope: s.Scope, Nullifier: s.Nullifier, Digest: s.Digest, Member: by, At: m.time})
	return transaction.Accepted
}

func (m *model) anchor(by fr.Element, a transaction.Anchor) transaction.ItemCode {
	switch {
	case a.Epoch > m.epoch():
		return transaction.FutureEpoch
	case slices.ContainsFunc(m.audits, func(x journal.Audit) bool { return x.Authority == by && x.Epoch == a.Epoch }):
		return transaction.AlreadyAnchored
	}
	m.audits = append(m.audits, journal.Audit{Authority: by, Epoch: a.Epoch, Root: a.Root, At: m.time})
	return transaction.Accepted
}

// follow replaces the object that match finds, or adds one; its sequence
// number must be the next.
func follow[T any](list []T, x T, match func(T) bool, sequence func(T) uint64, rises bool) ([]T, bool) {
	list = slices.Clone(list)
	if at := slices.IndexFunc(list, match); at >= 0 {
		last := sequence(list[at])
		list[at] = x
		return list, sequence(x) == last+1 || rises && sequence(x) > last
	}
	return append(list, x), sequence(x) == 0 || rises
}

// decide judges a decision of the stewards, and carries it out.
func (m *model) decide(t *transaction.Transaction) transaction.Code {
	d, next := m.dir, false
	var err error
	var struck *directory.Distrust
	switch t.Kind {
	case transaction.SetAuthority:
		var a directory.Authority
		if a, err = transaction.DecodeAuthority(t.Payload); err == nil {
			old, known := d.Authority(a.ID)
			a.Live = old.Live
			d.Authorities, next = follow(d.Authorities, a, func(x directory.Authority) bool { return x.ID == a.ID }, func(x directory.Authority) uint64 { return x.Sequence }, false)
			next = next && (known || directory.AuthorityID(a.Key) == a.ID)
			slices.SortFunc(d.Authorities, func(a, b directory.Authority) int { return a.ID.Cmp(&b.ID) })
		}
	case transaction.DistrustRange:
		var x transaction.Distrusting
		if x, err = transaction.DecodeDistrusting(t.Payload); err == nil {
			x.Epoch = m.epoch() + 1
			struck, next = &x.Distrust, x.Sequence == uint64(len(d.Distrusts))
			d.Distrusts = append(slices.Clone(d.Distrusts), x.Distrust)
		}
	case transaction.SetManifest:
		var x directory.Manifest
		if x, err = directory.DecodeManifest(t.Payload); err == nil {
			d.Manifests, next = follow(d.Manifests, x, func(y directory.Manifest) bool { return y.Circuit == x.Circuit }, func(y directory.Manifest) uint64 { return y.Sequence }, false)
			slices.SortFunc(d.Manifests, func(a, b directory.Manifest) int { return bytes.Compare([]byte(a.Circuit), []byte(b.Circuit)) })
		}
	case transaction.SetSchema, transaction.SetValueSet, transaction.SetTrustList:
		list := map[transaction.Kind]*[]directory.Named{transaction.SetSchema: &d.Schemas, transaction.SetValueSet: &d.ValueSets, transaction.SetTrustList: &d.TrustLists}[t.Kind]
		var x directory.Named
		if x, err = directory.DecodeNamed(t.Payload); err == nil {
			*list, next = follow(*list, x, func(y directory.Named) bool { return y.Name == x.Name }, func(y directory.Named) uint64 { return y.Sequence }, true)
			slices.SortFunc(*list, func(a, b directory.Named) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		}
	case transaction.SetValidator:
		var x directory.Validator
		if x, err = directory.DecodeValidator(t.Payload); err == nil {
			n := len(d.Validators)
			d.Validators, next = follow(d.Validators, x, func(y directory.Validator) bool { return y.Key.Equal(x.Key) }, func(y directory.Validator) uint64 { return y.Sequence }, false)
			next = next && (len(d.Validators) == n || x.Power > 0)
			slices.SortFunc(d.Validators, func(a, b directory.Validator) int { return bytes.Compare(a.Key, b.Key) })
		}
	case transaction.SetParameters:
		var p directory.Parameters
		var revision uint64
		if p, revision, err = directory.DecodeParameters(t.Payload); err == nil {
			next = revision == d.Revision+1 && p.DevelopmentKeys == d.Parameters.DevelopmentKeys
			d.Parameters, d.Revision = p, revision
		}
	case transaction.SetScope:
		var x directory.Scope
		if x, err = directory.DecodeScope(t.Payload); err == nil {
			d.Scopes, next = follow(d.Scopes, x, func(y directory.Scope) bool { return y.Name == x.Name }, func(y directory.Scope) uint64 { return y.Sequence }, false)
			slices.SortFunc(d.Scopes, func(a, b directory.Scope) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		}
	}
	if err != nil {
		return transaction.Malformed
	}
	if !next {
		return transaction.NotGoverned
	}
	if code := m.approved(t); code != transaction.Executed {
		return code
	}
	if d.Validate() != nil {
		return transaction.NotGoverned
	}
	m.dir = d
	if struck != nil {
		for i, l := range m.leaves {
			if l.by == struck.Authority && uint64(i) >= struck.From && uint64(i) < struck.To && !l.revoked {
				m.strike(uint64(i), fr.Element{})
			}
		}
	}
	return transaction.Executed
}

func (m *model) approved(t *transaction.Transaction) transaction.Code {
	approvals, err := t.Approvals()
	if err != nil {
		return transaction.Malformed
	}
	for _, a := range approvals {
		who, _ := m.dir.Authority(a.Steward)
		if !who.Active || who.Roles&directory.Steward == 0 {
			return transaction.NotGoverned
		}
		if !signed.Verify(who.Key, signed.Transaction, t.Message(), a.Signature) {
			return transaction.BadSignature
		}
	}
	if m.dir.Parameters.Stewards == 0 || uint64(len(approvals)) < m.dir.Parameters.Stewards {
		return transaction.NotGoverned
	}
	return transaction.Executed
}
