package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failing answers with an error, or by a panic.
type failing struct {
	zkconsentv1.UnimplementedRegistryServiceServer
	err   error
	panic any
}

func (f *failing) GetGenesis(context.Context, *zkconsentv1.GetGenesisRequest) (*zkconsentv1.GetGenesisResponse, error) {
	if f.panic != nil {
		panic(f.panic)
	}
	return nil, f.err
}

func (f *failing) WatchWithdrawals(*zkconsentv1.WatchWithdrawalsRequest, grpc.ServerStreamingServer[zkconsentv1.WatchWithdrawalsResponse]) error {
	if f.panic != nil {
		panic(f.panic)
	}
	return f.err
}

func (f *failing) Submit(_ context.Context, r *zkconsentv1.SubmitRequest) (*zkconsentv1.SubmitResponse, error) {
	return &zkconsentv1.SubmitResponse{Height: uint64(len(r.Transaction))}, nil
}

func (f *failing) services() []server.Service {
	return []server.Service{{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, f) },
		Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
	}}
}

// secretText stands for what a store, a file or a witness would say.
const secretText = "canary-7f3a"

type secretValue struct{ value string }

// TestAttack_ErrorsThatTell: what goes wrong inside is answered without a word
// of it, and what a panic was about is not logged.
func TestAttack_ErrorsThatTell(t *testing.T) {
	f, log := &failing{}, &lines{}
	x := serveConfig(t, server.Config{Services: f.services(), Logger: log.logger(), Pages: map[string]http.Handler{
		"/page": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(secretText) }),
	}})
	api := zkconsentv1.NewRegistryServiceClient(x.plain(t))
	var index []int
	for name, c := range map[string]struct {
		err   error
		panic any
	}{
		"an error of a store":   {errors.New("open /var/" + secretText), nil},
		"one that is wrapped":   {fmt.Errorf("solver: %w", errors.New(secretText)), nil},
		"a status without code": {status.Error(codes.Unknown, secretText), nil},
		"a text":                {nil, secretText},
		"a value":               {nil, &secretValue{secretText}},
		"an error":              {nil, errors.New(secretText)},
	} {
		f.err, f.panic = c.err, c.panic
		_, err := api.GetGenesis(short(t), &zkconsentv1.GetGenesisRequest{})
		if status.Code(err) != codes.Internal || refusal.Of(err) != refusal.Broken || strings.Contains(text(err), secretText) {
			t.Errorf("gRPC, %s: %v", name, err)
		}
		feed, err := api.WatchWithdrawals(short(t), &zkconsentv1.WatchWithdrawalsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = feed.Recv(); status.Code(err) != codes.Internal || refusal.Of(err) != refusal.Broken || strings.Contains(text(err), secretText) {
			t.Errorf("gRPC, a feed, %s: %v", name, err)
		}
		for _, path := range []string{"/v1/genesis", "/v1/withdrawals", "/page"} {
			a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+path, nil)
			if a.http != http.StatusInternalServerError || a.reason != string(refusal.Broken) || strings.Contains(string(a.body), secretText) {
				t.Errorf("REST, %s, %s: %d %s", path, name, a.http, a.body)
			}
		}
	}
	if strings.Contains(log.String(), secretText) {
		t.Errorf("the log has it:\n%s", log)
	}
	// What Go itself says is logged, and where.
	f.panic = nil
	y := serveConfig(t, server.Config{Logger: log.logger(), Pages: map[string]http.Handler{
		"/index": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { index[3] = 1 }),
	}})
	if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+y.RESTAddr()+"/index", nil); a.http != http.StatusInternalServerError {
		t.Errorf("%d", a.http)
	}
	if !strings.Contains(log.String(), "index out of range") || !strings.Contains(log.String(), "refusals_test.go") && !strings.Contains(log.String(), "TestAttack_ErrorsThatTell") {
		t.Errorf("the log does not say what broke:\n%s", log)
	}
}

// TestErrorsHaveAReason: by both ways, those of gRPC and of the gateway too.
func TestErrorsHaveAReason(t *testing.T) {
	f := &failing{}
	x := serveConfig(t, server.Config{Services: f.services()})
	api := zkconsentv1.NewRegistryServiceClient(x.plain(t))
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason refusal.Reason
		http   int
		retry  string
	}{
		{refusal.Later(codes.ResourceExhausted, refusal.Busy, 1500*time.Millisecond, "full"), codes.ResourceExhausted, refusal.Busy, 429, "2"},
		{refusal.Later(codes.Unavailable, refusal.NoLedger, time.Minute, "away"), codes.Unavailable, refusal.NoLedger, 503, "60"},
		{refusal.New(codes.Aborted, refusal.NoLongerThere, "replaced"), codes.Aborted, refusal.NoLongerThere, 409, ""},
		{refusal.Field("root", "is odd"), codes.InvalidArgument, refusal.Malformed, 400, ""},
		{status.Error(codes.NotFound, "nothing"), codes.NotFound, refusal.Unknown, 404, ""},
		{context.DeadlineExceeded, codes.DeadlineExceeded, refusal.TooLate, 504, ""},
	} {
		f.err = c.err
		if _, err := api.GetGenesis(short(t), &zkconsentv1.GetGenesisRequest{}); status.Code(err) != c.code || refusal.Of(err) != c.reason {
			t.Errorf("%v: %v, reason %q", c.err, err, refusal.Of(err))
		}
		for _, path := range []string{"/v1/genesis", "/v1/withdrawals"} {
			a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+path, nil)
			if a.http != c.http || a.code != int(c.code) || a.reason != string(c.reason) || a.header.Get("Retry-After") != c.retry || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%v at %s: %d %s %v", c.err, path, a.http, a.body, a.header)
			}
		}
	}
	for _, c := range []struct {
		method, path string
		http         int
		reason       refusal.Reason
	}{
		{http.MethodGet, "/v1/nothing", 404, refusal.NotServed},
		{http.MethodGet, "/", 404, refusal.NotServed},
		{http.MethodDelete, "/v1/genesis", 405, refusal.NotServed},
		{"BREW", "/v1/genesis", 405, refusal.NotServed},
		{http.MethodGet, "/v1/logs/NONE", 400, refusal.Malformed},
		{http.MethodPost, "/v1/proofs", 404, refusal.NotServed},
	} {
		a := ask(t, http.DefaultClient, c.method, "http://"+x.RESTAddr()+c.path, nil)
		if a.http != c.http || a.reason != string(c.reason) {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.http, a.body)
		}
	}
}

// TestAttack_LenientJSON: one body has one reading. What two programs may read
// in two ways is refused, and the refusal does not repeat it.
func TestAttack_LenientJSON(t *testing.T) {
	x := serveConfig(t, server.Config{Services: (&failing{}).services()})
	url := "http://" + x.RESTAddr() + "/v1/transactions"
	for _, good := range []string{`{"transaction":"AAAA"}`, ` { "transaction" : "AAAA" } `, `{}`, ``} {
		if a := ask(t, http.DefaultClient, http.MethodPost, url, []byte(good), "Content-Type", "application/json"); a.http != http.StatusOK {
			t.Errorf("%s: %d %s", good, a.http, a.body)
		}
	}
	deep := strings.Repeat(`{"transaction":`, 10000) + strings.Repeat("}", 10000)
	for name, bad := range map[string]string{
		"an unknown field":        `{"transaction":"AAAA","` + secretText + `":1}`,
		"a field twice":           `{"transaction":"AAAA","transaction":"BBBB"}`,
		"a field in another case": `{"Transaction":"AAAA"}`,
		"no base64":               `{"transaction":"` + secretText + `!"}`,
		"a number for bytes":      `{"transaction":7}`,
		"a list for bytes":        `{"transaction":["AAAA"]}`,
		"a second value":          `{"transaction":"AAAA"}{"transaction":"BBBB"}`,
		"something after it":      `{"transaction":"AAAA"}x`,
		"a list":                  `[{"transaction":"AAAA"}]`,
		"null":                    `null`,
		"a text":                  `"` + secretText + `"`,
		"half of it":              `{"transaction":"AA`,
		"no UTF-8":                "{\"transaction\":\"\xff\"}",
		"a form":                  `transaction=AAAA`,
		"a comment":               `{"transaction":"AAAA"/*` + secretText + `*/}`,
		"very deep":               deep,
	} {
		a := ask(t, http.DefaultClient, http.MethodPost, url, []byte(bad), "Content-Type", "application/json")
		if a.http != http.StatusBadRequest || a.reason != string(refusal.Malformed) || strings.Contains(string(a.body), secretText) || len(a.body) > 500 {
			t.Errorf("%s: %d %s", name, a.http, a.body)
		}
	}
}

// TestPages: beside the services, by name and by folder, and never in place of a
// call.
func TestPages(t *testing.T) {
	page := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
	}
	x := serveConfig(t, server.Config{Services: (&failing{}).services(), Pages: map[string]http.Handler{
		"/docs": page("docs"), "/assets/": page("assets"), "/assets/deep/": page("deep"),
	}})
	for path, want := range map[string]string{"/docs": "docs", "/assets/a.css": "assets", "/assets/deep/a": "deep", "/assets": "", "/docs/": "", "/docsx": ""} {
		a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+path, nil)
		if want == "" && a.http != http.StatusNotFound || want != "" && (a.http != http.StatusOK || string(a.body) != want) || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s", path, a.http, a.body)
		}
	}
}

// TestLogOfCalls: method, code and duration; a method that does not exist is
// not quoted.
func TestLogOfCalls(t *testing.T) {
	log := &lines{}
	x := serveConfig(t, server.Config{Services: (&failing{err: refusal.Field("x", "odd")}).services(), Logger: log.logger()})
	conn := x.plain(t)
	_ = call(short(t), conn, "/zkconsent.v1.RegistryService/GetGenesis")
	_ = call(short(t), conn, "/"+secretText+"/Get")
	eventually(t, "nothing is logged", func() bool { return strings.Count(log.String(), "msg=call") == 2 })
	if s := log.String(); !strings.Contains(s, "method=/zkconsent.v1.RegistryService/GetGenesis code=InvalidArgument took=") || !strings.Contains(s, "method=unknown code=Unimplemented") ||
		strings.Contains(s, secretText) || strings.Contains(s, "127.0.0.1") {
		t.Errorf("%s", s)
	}
}

// huge answers with more than a connection holds.
type huge struct{ failing }

func (h *huge) GetDirectory(context.Context, *zkconsentv1.GetDirectoryRequest) (*zkconsentv1.GetDirectoryResponse, error) {
	return &zkconsentv1.GetDirectoryResponse{Directory: make([]byte, 6<<20)}, nil
}

func (h *huge) WatchWithdrawals(_ *zkconsentv1.WatchWithdrawalsRequest, s grpc.ServerStreamingServer[zkconsentv1.WatchWithdrawalsResponse]) error {
	for {
		if err := s.Send(&zkconsentv1.WatchWithdrawalsResponse{Checkpoint: make([]byte, 1<<20)}); err != nil {
			return err
		}
	}
}

// TestAttack_CallersInTheLogOfALibrary: the gateway logs what it cannot write
// and what it cannot read past the log of the process, with the caller's address
// and the caller's words. It is handed neither.
func TestAttack_CallersInTheLogOfALibrary(t *testing.T) {
	h := &huge{}
	x := serveConfig(t, server.Config{Services: []server.Service{{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, h) },
		Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
	}}})
	for range 3 {
		for _, path := range []string{"/v1/directory", "/v1/withdrawals"} {
			c, err := net.Dial("tcp", x.RESTAddr())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
			head := make([]byte, 12)
			if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 200" {
				t.Fatalf("%s: %q, %v", path, head, err)
			}
			if err := c.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	a := ask(t, http.DefaultClient, http.MethodPost, "http://"+x.RESTAddr()+"/v1/transactions", []byte("{}"), "Content-Type", "text/"+secretText+"; =")
	if a.http != http.StatusOK {
		t.Errorf("a Content-Type that is none: %d %s", a.http, a.body)
	}
	if err := x.stop(); err != nil { // whatever was to be logged has been
		t.Error(err)
	}
	if said := aside.String(); strings.Contains(said, "127.0.0.1") || strings.Contains(said, secretText) {
		t.Errorf("%s", said)
	}
}

// TestAttack_LogWithoutEnd: who calls beyond their rate does not fill the disk of
// the log, on which the store may lie.
func TestAttack_LogWithoutEnd(t *testing.T) {
	log := &lines{}
	x := serveConfig(t, server.Config{
		Services: everything(), Logger: slog.New(slog.NewTextHandler(log, nil)),
		Guard: guard(t, identity.GuardConfig{AnonymousRate: identity.Rate{PerSecond: 0.001, Burst: 60}}),
	})
	conn, refused := x.plain(t), 0
	for range 200 {
		err := call(short(t), conn, "/zkconsent.v1.RegistryService/GetGenesis")
		if refusal.Of(err) == refusal.TooMany {
			refused++
		}
	}
	if err := x.stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "msg=call"); refused < 100 || n != 200-refused {
		t.Errorf("%d calls beyond the rate, %d lines", refused, n)
	}
}

// TestAttack_PagesWithoutEnd: the documents of the interface are large, and a
// request for one is small: they count against the address that reads them.
func TestAttack_PagesWithoutEnd(t *testing.T) {
	x := serveConfig(t, server.Config{
		Services: everything(), Guard: guard(t, identity.GuardConfig{AnonymousRate: identity.Rate{PerSecond: 0.001, Burst: 60}}),
		Pages: map[string]http.Handler{"/docs": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("docs")) })},
	})
	served := 0
	for range 100 {
		switch a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/docs", nil); {
		case a.http == http.StatusOK:
			served++
		case a.http != http.StatusTooManyRequests || a.reason != string(refusal.TooMany) || a.header.Get("Retry-After") == "":
			t.Fatalf("%d %s", a.http, a.body)
		}
	}
	if served != 60 {
		t.Errorf("%d pages are served", served)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+path, nil); a.http != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.http, a.body)
		}
	}
}
