package benchmarks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// runs of each measurement; the table shows their median, minimum and maximum.
// Those of PLONK, which take ten times as long and more, fall into every third
// round of the same interleaving.
const (
	runs       = 15
	plonkEvery = 3
)

// A series is what one measurement took, in order of length.
type series []time.Duration

func (s series) median() time.Duration { return s[len(s)/2] }

func (s series) mean() (sum time.Duration) {
	for _, d := range s {
		sum += d
	}
	return sum / time.Duration(len(s))
}

func (s series) String() string {
	return fmt.Sprintf("%s (%s–%s)", ms(s.median()), ms(s[0]), ms(s[len(s)-1]))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", 1000*d.Seconds()) }

// A task is measured in turn with others, so that the machine's moods hit all.
type task struct {
	name  string
	do    func() error
	every int // rounds; 0 is each
	took  series
}

func interleave(t *testing.T, tasks []*task) {
	t.Helper()
	for run := range runs + 1 {
		for _, k := range tasks {
			if k.every > 0 && run%k.every != 0 {
				continue
			}
			start := time.Now()
			if err := k.do(); err != nil {
				t.Fatalf("%s: %v", k.name, err)
			}
			if run > 0 { // the first one warms up
				k.took = append(k.took, time.Since(start))
			}
		}
	}
	for _, k := range tasks {
		slices.Sort(k.took)
	}
}

// yardstick is a multi-exponentiation of 2^14 points of G1: what gnark-crypto
// needs for it depends on the machine alone.
func yardstick(t *testing.T) *task {
	const n = 1 << 14
	_, _, g, _ := bn254.Generators()
	points, scalars := make([]bn254.G1Affine, n), make([]fr.Element, n)
	for i := range scalars {
		scalars[i].MustSetRandom()
	}
	points = bn254.BatchScalarMultiplicationG1(&g, scalars)
	return &task{name: "yardstick", do: func() error {
		var p bn254.G1Affine
		_, err := p.MultiExp(points, scalars, ecc.MultiExpConfig{})
		return err
	}}
}

// TestFigures prints the table of circuits.
func TestFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for minutes; run: make figures")
	}
	dir, m := provertest.Keys(t, consent.Circuits()...)
	p, err := prover.Open(dir, m, &prover.Options{Preload: consent.Circuits(), DevelopmentKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	unit := yardstick(t)
	tasks := []*task{unit}
	type row struct {
		entry                *manifest.Entry
		prove, verify, loads *task
	}
	var rows []row
	for _, id := range consent.Circuits() {
		c := circuittest.New(t, id, 1)
		e, err := m.Find(string(id))
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.Statement.PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		made, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		key, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), id.Scheme(), e.VerifyingKey, int(e.Public))
		if err != nil {
			t.Fatal(err)
		}
		r := row{e,
			&task{name: "prove " + e.Circuit, do: func() error { _, err := p.Prove(t.Context(), &c.Statement, &c.Witness); return err }},
			&task{name: "verify " + e.Circuit, do: func() error { return key.Verify(in, made) }},
			&task{name: "load " + e.Circuit, do: func() error {
				cold, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: true})
				if err != nil {
					return err
				}
				return cold.Load(t.Context(), id)
			}},
		}
		if id.Scheme() == consent.Plonk {
			r.prove.every, r.verify.every, r.loads.every = plonkEvery, plonkEvery, plonkEvery
		}
		rows, tasks = append(rows, r), append(tasks, r.prove, r.verify, r.loads)
	}
	interleave(t, tasks)

	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, %s/%s, %s; medians of %d interleaved runs, of PLONK %d (minimum–maximum), milliseconds.\n", cpu(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), runs, runs/plonkEvery)
	fmt.Fprintf(&b, "Yardstick, a multi-exponentiation of 2^14 points of G1 in the same run: %s.\n\n", unit.took)
	fmt.Fprintf(&b, "| circuit | constraints | public inputs | prove | prove / yardstick | verify | verify / yardstick | load keys | proof bytes | presentation bytes |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		id := consent.CircuitID(r.entry.Circuit)
		shown := fmt.Sprint(id.PresentationSize())
		if id.Enrols() {
			shown = fmt.Sprintf("%d (enrolment)", len((&consent.Enrolment{Proof: consent.Proof(make([]byte, id.ProofSize()))}).Encode()))
		}
		ratio := func(s series) string {
			return fmt.Sprintf("%.3f", s.median().Seconds()/unit.took.median().Seconds())
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s | %s | %d | %s |\n", r.entry.Circuit, r.entry.Constraints, r.entry.Public,
			r.prove.took, ratio(r.prove.took), r.verify.took, ratio(r.verify.took), r.loads.took, id.ProofSize(), shown)
	}
	t.Log("\n" + b.String())
}

// cpu is the processor's name, as far as the system tells it.
func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown processor"
}
