package wire_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"google.golang.org/grpc"
)

var registrarKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))

func registrar() directory.Authority {
	pub := registrarKey.Public().(ed25519.PublicKey)
	return directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "https://example.org/hospital", Name: "hospital", Roles: directory.Registrar, Active: true}
}

func startNode(t testing.TB) *ledger.Node {
	t.Helper()
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := home.WriteGenesis(&directory.Genesis{
		ChainID: "wire-test", Time: uint64(time.Now().Add(-time.Hour).Unix()),
		Directory: directory.Directory{
			Validators:  []directory.Validator{{Key: validator, Power: 1, Name: "Member"}},
			Parameters:  directory.Parameters{Epoch: 60, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 2, Quota: 100, PowBits: 8, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{registrar()},
		},
	}); err != nil {
		t.Fatal(err)
	}
	n, err := ledger.Start(context.Background(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

// serve puts a source behind gRPC and REST, and returns a client and the
// address of REST.
func serve(t testing.TB, source light.Source, genesis []byte) (*wire.Remote, string) {
	t.Helper()
	service := wire.NewService(source, genesis)
	s, err := server.New(context.Background(), server.Config{
		GRPC: "127.0.0.1:0", REST: "127.0.0.1:0",
		Services: []server.Service{{
			Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, service) },
			Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return reach(t, s.GRPCAddr()), "http://" + s.RESTAddr()
}

// reach is a client of a node that asks once: what a test wants to see is the
// node's answer.
func reach(t testing.TB, address string) *wire.Remote {
	t.Helper()
	conn, err := client.Dial(client.Config{Addresses: []string{address}, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := wire.NewRemote(conn)
	t.Cleanup(func() { r.Close() })
	return r
}

func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func sealed(from, n uint64) []consent.Sealed {
	out := make([]consent.Sealed, n)
	for i := range out {
		b := binary.BigEndian.AppendUint64(nil, from+uint64(i))
		out[i] = consent.Sealed{Commitment: field.Of("test-cm", b), Lock: consent.Lock(field.Of("test-rs", b))}
	}
	return out
}

func commit(g *directory.Genesis, nonce uint64, items []consent.Sealed) *transaction.Transaction {
	t := &transaction.Transaction{
		Genesis: directory.GenesisHash(g), Expiry: 900, Nonce: nonce,
		Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(items),
	}
	t.Sign(registrar().ID, registrarKey)
	return t
}

// canned is a source that answers every call alike.
type canned struct {
	answer []byte
	err    error
	hang   bool // until the caller gives up
}

func (c *canned) give(ctx context.Context) ([]byte, error) {
	if c.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c.answer, c.err
}

func (c *canned) Checkpoint(ctx context.Context) ([]byte, error)       { return c.give(ctx) }
func (c *canned) Directory(ctx context.Context) ([]byte, error)        { return c.give(ctx) }
func (c *canned) Submit(ctx context.Context, _ []byte) ([]byte, error) { return c.give(ctx) }

func (c *canned) Log(ctx context.Context, _ journal.Kind, _ uint64, max int) ([][]byte, error) {
	b, err := c.give(ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, max)
	for i := range out {
		out[i] = b
	}
	return out, nil
}

func (c *canned) Layer(ctx context.Context, _ uint64, _ int) ([]byte, error) { return c.give(ctx) }
func (c *canned) Changes(ctx context.Context, _ uint64) ([]byte, error)      { return c.give(ctx) }
func (c *canned) Anchor(ctx context.Context, _ uint64) ([]byte, error)       { return c.give(ctx) }

func (c *canned) Bucket(ctx context.Context, _ uint64, _ [32]byte) ([]byte, error) {
	return c.give(ctx)
}

func (c *canned) Trail(ctx context.Context, _ uint64) ([][]byte, error) {
	b, err := c.give(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	return [][]byte{b}, nil
}

func (c *canned) Header(ctx context.Context, _ uint64) ([]byte, error) { return c.give(ctx) }

// calls are all calls of a remote, each with its error.
func calls(ctx context.Context, r *wire.Remote) map[string]error {
	_, checkpoint := r.Checkpoint(ctx)
	_, dir := r.Directory(ctx)
	_, log := r.Log(ctx, journal.Records, 0, 1)
	_, submit := r.Submit(ctx, []byte("transaction"))
	_, layer := r.Layer(ctx, 0, 1)
	_, changes := r.Changes(ctx, 1)
	_, bucket := r.Bucket(ctx, 1, [32]byte{})
	_, anchor := r.Anchor(ctx, 1)
	_, trail := r.Trail(ctx, 0)
	_, header := r.Header(ctx, 1)
	return map[string]error{
		"header": header, "trail": trail, "checkpoint": checkpoint, "directory": dir, "log": log, "submit": submit,
		"layer": layer, "changes": changes, "bucket": bucket, "anchor": anchor,
	}
}
