package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func counted(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(context.Background(), telemetry.Config{Operations: storeOperations(), Reasons: verdictReasons()})
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func shows(t *testing.T, tel *telemetry.Telemetry, line string) {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), line+"\n") {
		t.Errorf("no %s", line)
	}
}

// TestStoreAnswersAreNoFailures: that there is no such request is an answer;
// that the store cannot be asked is none.
func TestStoreAnswersAreNoFailures(t *testing.T) {
	ctx, tel := context.Background(), counted(t)
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "v.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := timedStore{s, tel.Metrics}
	asked := verifier.Asked{ID: [16]byte{1}, Expires: 9, Signed: []byte{1}}
	for _, want := range []bool{true, false} {
		if err := kept.AddRequest(ctx, asked); (err == nil) != want {
			t.Fatal(err)
		}
	}
	if _, err := kept.Request(ctx, [16]byte{2}); err == nil {
		t.Fatal("found")
	}
	shows(t, tel, `zkconsent_store_errors_total{operation="Request"} 0`)
	shows(t, tel, `zkconsent_store_errors_total{operation="AddRequest"} 0`)
	shows(t, tel, `zkconsent_store_seconds_count{operation="AddRequest"} 2`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Request(ctx, [16]byte{2}); err == nil {
		t.Fatal("a closed store answers")
	}
	shows(t, tel, `zkconsent_store_errors_total{operation="Request"} 1`)
}

// TestLateVerifierRefuses: before the ledger is there, nothing of the verifier
// answers, and everything else does.
func TestLateVerifierRefuses(t *testing.T) {
	late := &lateVerifier{}
	if late.able() == nil {
		t.Error("it is ready")
	}
	for method, refused := range map[string]bool{
		zkconsentv1.VerifierService_Verify_FullMethodName: true, zkconsentv1.VerifierService_GetRequest_FullMethodName: true,
		zkconsentv1.RegistryService_GetCheckpoint_FullMethodName: false, "/grpc.health.v1.Health/Check": false,
	} {
		called := false
		_, err := late.unary(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) { called = true; return nil, nil })
		streamed := late.stream(nil, nil, &grpc.StreamServerInfo{FullMethod: method}, func(any, grpc.ServerStream) error { called = true; return nil })
		for _, err := range []error{err, streamed} {
			if refused == called || refused != (status.Code(err) == codes.Unavailable && refusal.Of(err) == refusal.NotReady && refusal.After(err) > 0) {
				t.Errorf("%s: %v", method, err)
			}
		}
	}
}

func TestVerdictsAreCounted(t *testing.T) {
	tel := counted(t)
	count := countVerdicts(tel.Metrics)
	for _, c := range []struct {
		method string
		answer any
		err    error
	}{
		{zkconsentv1.VerifierService_Verify_FullMethodName, &zkconsentv1.VerifyResponse{Verdict: &zkconsentv1.Verdict{Accepted: true}}, nil},
		{zkconsentv1.VerifierService_Verify_FullMethodName, &zkconsentv1.VerifyResponse{Verdict: &zkconsentv1.Verdict{Reason: "withdrawn"}}, nil},
		{zkconsentv1.VerifierService_VerifyBatch_FullMethodName, &zkconsentv1.VerifyBatchResponse{Verdicts: []*zkconsentv1.Verdict{{Accepted: true}, {Reason: "made up"}}}, nil},
		{zkconsentv1.VerifierService_Verify_FullMethodName, nil, status.Error(codes.Unavailable, "")},
		{zkconsentv1.VerifierService_GetRequest_FullMethodName, nil, status.Error(codes.Unavailable, "")},
	} {
		_, err := count(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: c.method}, func(context.Context, any) (any, error) { return c.answer, c.err })
		if status.Code(err) != status.Code(c.err) {
			t.Error(err)
		}
	}
	for reason, n := range map[string]string{"accepted": "2", "withdrawn": "1", "undecided": "1", "other": "1", "bad-proof": "0"} {
		shows(t, tel, `zkconsent_verdicts_total{reason="`+reason+`"} `+n)
	}
}

func TestReadDSNRefuses(t *testing.T) {
	const secret = "secret-5f1e"
	path := filepath.Join(t.TempDir(), "dsn")
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"good":      {"host=db password=" + secret + "\n", 0o600, ""},
		"others'":   {"host=db password=" + secret, 0o640, "chmod 600"},
		"empty":     {" \n", 0o600, "one line"},
		"two lines": {"host=db\npassword=" + secret, 0o600, "one line"},
		"too long":  {strings.Repeat(secret, maxDSN), 0o600, "more than"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		dsn, err := readDSN(path)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) || dsn != "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
