package proving

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"google.golang.org/grpc/codes"
)

func TestProvesWhatItIsAsked(t *testing.T) {
	for _, id := range []consent.CircuitID{consent.Enrol, consent.EnrolPlonk, consent.ConsentOnly} {
		t.Run(string(id), func(t *testing.T) {
			r := newRig(t, Config{}, id)
			c := drawn(t, id, 1)
			got, err := r.client.Prove(t.Context(), asked(c))
			if err != nil {
				t.Fatal(err)
			}
			holds(t, verifyingKey(t, id), c, got.Proof)
		})
	}
}

func TestStreamTellsTheStages(t *testing.T) {
	r := newRig(t, Config{Workers: 1, PerPrincipal: 3}, consent.Enrol)
	open := r.prover.shut(t)
	first := make(chan error, 1)
	go func() {
		_, err := r.client.Prove(t.Context(), asked(drawn(t, consent.Enrol, 1)))
		first <- err
	}()
	eventually(t, "a proof begins", func() bool { return r.prover.begun.Load() == 1 })
	c := drawn(t, consent.Enrol, 2)
	stream, err := r.client.ProveStream(t.Context(), &zkconsentv1.ProveStreamRequest{Statement: c.Statement.Encode(), Witness: c.Witness.EncodeSecret()})
	if err != nil {
		t.Fatal(err)
	}
	var stages []string
	var made []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		stages = append(stages, strings.TrimPrefix(m.Stage.String(), "STAGE_"))
		if m.Stage == zkconsentv1.ProveStreamResponse_STAGE_QUEUED {
			open()
		}
		made = m.Proof
	}
	if got := strings.Join(stages, " "); got != "QUEUED PREPARING PROVING CHECKING DONE" {
		t.Errorf("stages: %s", got)
	}
	holds(t, verifyingKey(t, consent.Enrol), c, made)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestListsItsCircuits(t *testing.T) {
	r := newRig(t, Config{Circuits: []consent.CircuitID{consent.EnrolPlonk, consent.Enrol}}, consent.ConsentOnly, consent.Enrol, consent.EnrolPlonk)
	got, err := r.client.Circuits(t.Context(), &zkconsentv1.CircuitsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, m := provertest.Keys(t, consent.Enrol, consent.EnrolPlonk)
	if len(got.Circuits) != 2 {
		t.Fatalf("%d circuits", len(got.Circuits))
	}
	for i, id := range []consent.CircuitID{consent.Enrol, consent.EnrolPlonk} {
		e, err := m.Find(string(id))
		if err != nil {
			t.Fatal(err)
		}
		if d := manifest.Digest(e.Digest()); got.Circuits[i].Id != string(id) || got.Circuits[i].Manifest != d.String() {
			t.Errorf("circuit %d: %v, want %s %s", i, got.Circuits[i], id, d)
		}
	}
	_, err = r.client.Prove(t.Context(), asked(drawn(t, consent.ConsentOnly, 1)))
	refusedWith(t, "a circuit that is not served", err, codes.NotFound, refusal.NotServed)
}

func TestRefusesWhatIsNoRequest(t *testing.T) {
	r := newRig(t, Config{}, consent.Enrol)
	c := drawn(t, consent.Enrol, 1)
	good := asked(c)
	other := asked(drawn(t, consent.Claim, 1))
	for name, req := range map[string]*zkconsentv1.ProveRequest{
		"nothing":               {},
		"no witness":            {Statement: good.Statement},
		"no statement":          {Witness: good.Witness},
		"another's witness":     {Statement: good.Statement, Witness: other.Witness},
		"a byte more":           {Statement: good.Statement, Witness: append(good.Witness[:len(good.Witness):len(good.Witness)], 0)},
		"a statement cut short": {Statement: good.Statement[:100], Witness: good.Witness},
	} {
		_, err := r.client.Prove(t.Context(), req)
		refusedWith(t, name, err, codes.InvalidArgument, refusal.Malformed)
	}
	c.Witness.Holder.Nk = c.Element()
	_, err := r.client.Prove(t.Context(), asked(c))
	refusedWith(t, "a false witness", err, codes.FailedPrecondition, refusal.NotSatisfied)
	if n := r.prover.begun.Load(); n != 1 {
		t.Errorf("%d proofs begun, want one", n)
	}
}

func TestReadyOnlyAfterAProofOfEachCircuit(t *testing.T) {
	p := &gated{Prover: provertest.New(t, consent.Enrol, consent.EnrolPlonk)}
	s, err := New(Config{Prover: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(); !errors.Is(err, ErrStarting) {
		t.Fatalf("ready before anything was proved: %v", err)
	}
	c := drawn(t, consent.Enrol, 1)
	_, err = s.Prove(t.Context(), asked(c))
	refusedWith(t, "before the self-test", err, codes.Unavailable, refusal.Busy)
	if err := s.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err != nil || p.begun.Load() != 2 {
		t.Fatalf("after %d proofs: %v", p.begun.Load(), err)
	}
	if _, err := s.Prove(t.Context(), asked(c)); err != nil {
		t.Error(err)
	}
	for _, id := range []consent.CircuitID{consent.Enrol, consent.EnrolPlonk} {
		if s.Figures().Took[id] <= 0 {
			t.Errorf("no time of %s", id)
		}
	}
	s.Close()
	if err := s.Ready(); err == nil {
		t.Error("ready when closed")
	}
	_, err = s.Prove(t.Context(), asked(c))
	refusedWith(t, "closed", err, codes.Unavailable, refusal.Stopping)
	if err := s.SelfTest(t.Context()); err != nil {
		t.Error(err)
	}
	if s.Ready() == nil {
		t.Error("a self-test opened what was closed")
	}
}

// One circuit's keys are damaged: nothing is served, the log says which file,
// and callers are told nothing of it.
func TestNotReadyWhenOneCircuitFails(t *testing.T) {
	from, m := provertest.Keys(t, consent.Enrol, consent.EnrolPlonk)
	dir := t.TempDir()
	for _, e := range m.Entries {
		if err := os.CopyFS(filepath.Join(dir, e.Folder()), os.DirFS(filepath.Join(from, e.Folder()))); err != nil {
			t.Fatal(err)
		}
	}
	e, err := m.Find(string(consent.EnrolPlonk))
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile)
	if err := os.WriteFile(damaged, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	s, err := New(Config{Prover: p, Log: logTo(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.SelfTest(t.Context()); !errors.Is(err, ErrSelfTest) {
		t.Fatalf("got %v", err)
	}
	if err := s.Ready(); !errors.Is(err, ErrSelfTest) {
		t.Errorf("ready: %v", err)
	}
	if said := log.String(); !strings.Contains(said, damaged) || !strings.Contains(said, string(consent.EnrolPlonk)) {
		t.Errorf("the operator is told %q", said)
	}
	_, err = s.Prove(t.Context(), asked(drawn(t, consent.Enrol, 1)))
	refusedWith(t, "after a failed self-test", err, codes.Unavailable, refusal.Broken)
	if strings.Contains(err.Error(), dir) {
		t.Errorf("the caller is told %v", err)
	}
}

// Errors that no table knows, and panics, look the same from outside.
func TestServiceSurvivesItsProver(t *testing.T) {
	r := newRig(t, Config{Workers: 1, Queue: -1}, consent.Enrol)
	for name, instead := range map[string]func(*consent.Witness) error{
		"an unknown error": func(*consent.Witness) error { return errTest },
		"a broken check":   func(*consent.Witness) error { return prover.ErrSelfCheck },
		"a panic":          func(*consent.Witness) error { panic(errTest) },
	} {
		r.prover.instead = instead
		_, err := r.client.Prove(t.Context(), asked(drawn(t, consent.Enrol, 1)))
		refusedWith(t, name, err, codes.Internal, refusal.Broken)
		if strings.Contains(err.Error()+r.log.String(), errTest.Error()) {
			t.Errorf("%s: its words go out", name)
		}
	}
	if strings.Count(r.log.String(), "a proof could not be made") != 3 {
		t.Errorf("the operator is told %q", r.log)
	}
	r.prover.instead = nil
	if _, err := r.client.Prove(t.Context(), asked(drawn(t, consent.Enrol, 1))); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestConfigIsBounded(t *testing.T) {
	p := provertest.New(t, consent.Enrol, consent.EnrolPlonk)
	for name, c := range map[string]Config{
		"no prover":         {},
		"unknown circuit":   {Prover: p, Circuits: []consent.CircuitID{consent.Claim}},
		"no memory":         {Prover: p, Memory: 1 << 20},
		"too many":          {Prover: p, Workers: 4},
		"negative":          {Prover: p, Workers: -1},
		"negative shares":   {Prover: p, PerPrincipal: -1},
		"negative memory":   {Prover: p, Memory: -1},
		"no circuit at all": {Prover: none{p}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := New(Config{Prover: p, Workers: 2, Memory: 2 * plonkProof})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.config; c.Queue != defaultQueue || c.PerPrincipal != 8 || c.Log == nil || len(c.Circuits) != 2 {
		t.Errorf("%+v", c)
	}
}

type none struct{ *prover.Prover }

func (none) Circuits() []consent.CircuitID { return nil }

// The request's own bytes are zeros when the call is over, however it ends,
// and the decoded witness when its proof is.
func TestWitnessIsErased(t *testing.T) {
	p := &gated{Prover: proverOf(t, consent.Enrol)}
	var seen *consent.Witness
	p.instead = func(w *consent.Witness) error { seen = w; return nil }
	s, err := New(Config{Prover: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.become(nil)
	c := drawn(t, consent.Enrol, 1)
	ended, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for name, call := range map[string]func(*zkconsentv1.ProveRequest){
		"made":      func(r *zkconsentv1.ProveRequest) { s.Prove(t.Context(), r) },
		"malformed": func(r *zkconsentv1.ProveRequest) { r.Witness[0] ^= 0xff; s.Prove(t.Context(), r) },
		"unserved": func(r *zkconsentv1.ProveRequest) {
			r.Statement = drawn(t, consent.Claim, 1).Statement.Encode()
			s.Prove(t.Context(), r)
		},
		"no statement": func(r *zkconsentv1.ProveRequest) { r.Statement = nil; s.Prove(t.Context(), r) },
		"too late":     func(r *zkconsentv1.ProveRequest) { s.Prove(ended, r) },
		"closed":       func(r *zkconsentv1.ProveRequest) { s.become(ErrSelfTest); s.Prove(t.Context(), r); s.become(nil) },
	} {
		seen = nil
		r := asked(c)
		call(r)
		for _, b := range r.Witness {
			if b != 0 {
				t.Errorf("%s: the witness's bytes are left", name)
				break
			}
		}
		if (seen != nil) != (name == "made") {
			t.Errorf("%s: a proof begun: %v", name, seen != nil)
		}
		if seen != nil && (!seen.Holder.Nk.IsZero() || seen.Holder.Alpha != [32]byte{}) {
			t.Errorf("%s: the decoded witness is left", name)
		}
	}
}

// Every circuit that there is, under both schemes.
func TestSelfTestOfEveryCircuit(t *testing.T) {
	if !long() {
		t.Skip("set ZKCONSENT_SERVICES for the long run")
	}
	log := &logged{}
	s, err := New(Config{Prover: provertest.New(t, consent.Circuits()...), Log: logTo(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.SelfTest(t.Context()); err != nil || s.Ready() != nil {
		t.Fatalf("%v, %v: %s", err, s.Ready(), log)
	}
	for id, took := range s.Figures().Took {
		t.Logf("%s: %s", id, took.Round(time.Millisecond))
	}
}
