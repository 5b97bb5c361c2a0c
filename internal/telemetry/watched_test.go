package telemetry

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/stats"
)

// chain writes certificates that are over at the given times.
func chain(t *testing.T, ends ...time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for i, end := range ends {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotBefore: end.Add(-time.Hour), NotAfter: end}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	path := filepath.Join(t.TempDir(), "chain.pem")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// full is a telemetry in which everything has happened once.
func full(t *testing.T) *Telemetry {
	t.Helper()
	tel, err := New(context.Background(), Config{
		Methods: []string{check}, Circuits: []string{"claim/normal/groth16"}, Reasons: []string{"accepted", "withdrawn"}, Operations: []string{"AddRequest"},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	tel.watched.now = func() time.Time { return now }
	tel.WatchProver(func() Queue { return Queue{Waiting: 3, Working: 2, Workers: 4} })
	tel.WatchLedger(func() Head { return Head{7, now.Add(-9 * time.Second)} })
	tel.WatchReady(func() error { return errors.New("not yet") })
	tel.WatchCertificates(map[string]string{"server": chain(t, now.Add(time.Hour), now.Add(time.Minute)), "clients": "none.pem"})
	tel.Worked(context.Background()) // of no call
	tel.Worked((&calls{tel.Metrics}).TagRPC(context.Background(), &stats.RPCTagInfo{FullMethodName: check}))
	tel.Proved("claim/normal/groth16", 2*time.Second)
	tel.Verdict("")
	tel.Verdict("withdrawn")
	tel.Stored("AddRequest", time.Millisecond, true)
	tel.callSeconds.WithLabelValues(check).Observe(1)
	return tel
}

func TestWatchedNumbers(t *testing.T) {
	out := scraped(t, full(t))
	for _, want := range []string{
		"zkconsent_prover_waiting 3", "zkconsent_prover_working 2", "zkconsent_prover_workers 4",
		"zkconsent_ledger_height 7", "zkconsent_ledger_head_age_seconds 9", "zkconsent_ready 0",
		`zkconsent_certificate_expiry_seconds{file="server"} 60`,
		`zkconsent_verdicts_total{reason="accepted"} 1`, `zkconsent_verdicts_total{reason="withdrawn"} 1`, `zkconsent_verdicts_total{reason="other"} 0`,
		`zkconsent_store_errors_total{operation="AddRequest"} 1`, `zkconsent_prover_prove_seconds_sum{circuit="claim/normal/groth16"} 2`,
		"go_goroutines", "process_open_fds", "zkconsent_prover_wait_seconds_count 1",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(out, `file="clients"`) {
		t.Error("a file that cannot be read has an end")
	}
}

// TestNothingWatchedIsNotShown: a number that nobody gives is no 0.
func TestNothingWatchedIsNotShown(t *testing.T) {
	tel, err := New(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	tel.WatchLedger(func() Head { return Head{} })
	out := scraped(t, tel)
	for _, no := range []string{"ledger_height", "prover_waiting", "certificate_expiry", "zkconsent_ready"} {
		if strings.Contains(out, no) {
			t.Errorf("%s is shown", no)
		}
	}
}

// TestDashboardShowsWhatIs: every metric and label that the dashboard and the
// operator's manual name is in a scrape.
func TestDashboardShowsWhatIs(t *testing.T) {
	out := scraped(t, full(t))
	name := regexp.MustCompile(`\b(zkconsent|go|process)_[a-z_]+`)
	exists := map[string]bool{}
	for line := range strings.Lines(out) {
		exists[name.FindString(strings.TrimPrefix(line, "# HELP "))] = true
	}
	b, err := os.ReadFile("../../deploy/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title  string
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			found := name.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: no metric in %s", p.Title, target.Expr)
			}
			for _, n := range found {
				if named[n] = true; !exists[n] {
					t.Errorf("%s: there is no metric %s", p.Title, n)
				}
			}
		}
	}
	// Nothing that is ours is forgotten.
	for n := range exists {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(n, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(n, "zkconsent_") && !named[n] && !named[base+"_bucket"] && !named[base] {
			t.Errorf("the dashboard does not show %s", n)
		}
	}
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile("(?m)^\\| `(zkconsent_[a-z_]+)").FindAllStringSubmatch(string(manual), -1)
	if len(ours) < 6 {
		t.Errorf("docs/operations.md names %d metrics", len(ours))
	}
	for _, n := range ours {
		if !exists[n[1]] {
			t.Errorf("docs/operations.md names %s, which does not exist", n[1])
		}
	}
}
