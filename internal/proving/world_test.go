package proving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// buffers are the pool of all servers and clients of these tests: the one that
// erases, and on either side of it one that looks at what comes back.
var buffers struct {
	before, after *watchedPool
	option        grpc.ServerOption
}

func TestMain(m *testing.M) {
	buffers.after = &watchedPool{below: mem.DefaultBufferPool()}
	buffers.before = &watchedPool{below: erasingPool{buffers.after}}
	buffers.option = use(buffers.before)
	goleak.VerifyTestMain(m)
}

// patience bounds what is waited for, on a busy machine.
const patience = 2 * time.Minute

// A gated prover is a real one. It counts the proofs that begin, can hold them,
// and can do something in their stead.
type gated struct {
	*prover.Prover
	begun   atomic.Int64
	gate    atomic.Pointer[chan struct{}] // proofs begin when it is closed
	instead func(*consent.Witness) error
}

func (g *gated) ProveInStages(ctx context.Context, s *consent.Statement, w *consent.Witness, begin func(prover.Stage)) (consent.Proof, error) {
	g.begun.Add(1)
	if gate := g.gate.Load(); gate != nil {
		<-*gate
	}
	if g.instead != nil {
		if err := g.instead(w); err != nil {
			return "", err
		}
	}
	return g.Prover.ProveInStages(ctx, s, w, begin)
}

// shut holds all proofs until what it returns is called.
func (g *gated) shut(t *testing.T) (open func()) {
	gate := make(chan struct{})
	g.gate.Store(&gate)
	open = sync.OnceFunc(func() { g.gate.Store(nil); close(gate) })
	t.Cleanup(open)
	return open
}

// A rig is a service on a real server.
type rig struct {
	t       testing.TB
	prover  *gated
	service *Service
	client  zkconsentv1.ProverServiceClient
	log     *logged
	address string
}

// logged takes a log's bytes from several goroutines.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// loaded are the provers of these tests, by their circuits: keys take a while to
// load, and nobody changes them.
var loaded struct {
	mu sync.Mutex
	of map[string]*prover.Prover
}

func proverOf(t testing.TB, ids ...consent.CircuitID) *prover.Prover {
	t.Helper()
	loaded.mu.Lock()
	defer loaded.mu.Unlock()
	name := fmt.Sprint(ids)
	if p := loaded.of[name]; p != nil {
		return p
	}
	p := provertest.New(t, ids...)
	for _, id := range ids {
		if err := p.Load(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if loaded.of == nil {
		loaded.of = map[string]*prover.Prover{}
	}
	loaded.of[name] = p
	return p
}

// newRig serves the circuits, ready without a self-test.
func newRig(t testing.TB, c Config, ids ...consent.CircuitID) *rig {
	t.Helper()
	r := &rig{t: t, prover: &gated{Prover: proverOf(t, ids...)}, log: &logged{}}
	c.Prover = r.prover
	c.Log = logTo(r.log)
	var err error
	if r.service, err = New(c); err != nil {
		t.Fatal(err)
	}
	r.service.become(nil)
	r.listen()
	return r
}

// asPrincipal is the header in which these tests say who calls.
const asPrincipal = "x-test-principal"

func principal(ctx context.Context) context.Context {
	if names := metadata.ValueFromIncomingContext(ctx, asPrincipal); len(names) > 0 {
		return identity.With(ctx, identity.Principal{Name: names[0], Roles: []identity.Role{identity.Patient}})
	}
	return ctx
}

type principalStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s principalStream) Context() context.Context { return s.ctx }

func (r *rig) listen(options ...grpc.ServerOption) {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	server := grpc.NewServer(append(options, buffers.option,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(principal(ctx), in)
		}),
		grpc.ChainStreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return next(srv, principalStream{s, principal(s.Context())})
		}))...)
	zkconsentv1.RegisterProverServiceServer(server, r.service)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	r.address = listener.Addr().String()
	conn := r.dial()
	r.client = zkconsentv1.NewProverServiceClient(conn)
	r.t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
		r.service.Close()
	})
}

func (r *rig) dial(options ...grpc.DialOption) *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient(r.address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// as is a call's context under a principal's name.
func as(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, asPrincipal, name)
}

func drawn(t testing.TB, id consent.CircuitID, seed uint64) *sample.Case {
	t.Helper()
	c, err := sample.New(id, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func asked(c *sample.Case) *zkconsentv1.ProveRequest {
	return &zkconsentv1.ProveRequest{Statement: c.Statement.Encode(), Witness: c.Witness.EncodeSecret()}
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// refusedWith demands a code and a reason.
func refusedWith(t testing.TB, what string, err error, code codes.Code, reason refusal.Reason) {
	t.Helper()
	if status.Code(err) != code || refusal.Of(err) != reason {
		t.Errorf("%s: %v (%s, %q), want %s, %q", what, err, status.Code(err), refusal.Of(err), code, reason)
	}
}

// verifyingKey is the key by which a verifier checks a circuit's proofs.
func verifyingKey(t testing.TB, id consent.CircuitID) *proof.VerifyingKey {
	t.Helper()
	dir, m := provertest.Keys(t, id)
	e, err := m.Find(string(id))
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), id.Scheme(), e.VerifyingKey, int(e.Public))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// holds checks that a proof proves a case's statement.
func holds(t testing.TB, k *proof.VerifyingKey, c *sample.Case, made []byte) {
	t.Helper()
	in, err := c.Statement.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(in, consent.Proof(made)); err != nil {
		t.Errorf("the proof: %v", err)
	}
}

// A watchedPool looks at the buffers that come back to it.
type watchedPool struct {
	below mem.BufferPool

	mu   sync.Mutex
	look func([]byte)
}

func (p *watchedPool) Get(n int) *[]byte { return p.below.Get(n) }

func (p *watchedPool) Put(b *[]byte) {
	p.mu.Lock()
	look := p.look
	p.mu.Unlock()
	if look != nil {
		look((*b)[:cap(*b)])
	}
	p.below.Put(b)
}

func (p *watchedPool) watch(t *testing.T, look func([]byte)) {
	set := func(f func([]byte)) { p.mu.Lock(); p.look = f; p.mu.Unlock() }
	set(look)
	t.Cleanup(func() { set(nil) })
}

var errTest = errors.New("what only this test says")

func logTo(l *logged) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
