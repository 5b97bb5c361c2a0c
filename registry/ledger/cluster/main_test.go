package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
)

// What makes the test binary a member: its home, where it listens for other
// members, and their addresses, separated by spaces; how many blocks there are
// from one snapshot to the next, and at which addresses clients find the
// members whose word a new one asks for when it takes a snapshot.
const (
	memberHome      = "ZKCONSENT_TEST_MEMBER_HOME"
	memberListen    = "ZKCONSENT_TEST_MEMBER_LISTEN"
	memberPeers     = "ZKCONSENT_TEST_MEMBER_PEERS"
	memberSnapshots = "ZKCONSENT_TEST_MEMBER_SNAPSHOTS"
	memberJoin      = "ZKCONSENT_TEST_MEMBER_JOIN"
)

func TestMain(m *testing.M) {
	home := os.Getenv(memberHome)
	if home == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
		stop()
	}()
	o, err := options()
	if err == nil {
		err = serve(ctx, ledger.Home(home), o, func(address string) { fmt.Println("ready", address) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

func options() (*ledger.Options, error) {
	o := &ledger.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Listen: os.Getenv(memberListen),
		Peers:  strings.Fields(os.Getenv(memberPeers)),
	}
	var err error
	if n := os.Getenv(memberSnapshots); n != "" {
		o.SnapshotInterval, err = strconv.ParseUint(n, 10, 64)
	}
	for _, address := range strings.Fields(os.Getenv(memberJoin)) {
		r, dialled := reach(address)
		err = errors.Join(err, dialled)
		o.Join = append(o.Join, r)
	}
	return o, err
}

// reach is a client of a node that asks once: what a test wants to see is the
// node's answer.
func reach(address string) (*wire.Remote, error) {
	conn, err := client.Dial(client.Config{Addresses: []string{address}, Attempts: 1})
	if err != nil {
		return nil, err
	}
	return wire.NewRemote(conn), nil
}

// serve runs a node and its wire until the context ends or the node fails, and
// says at which address clients find it.
func serve(ctx context.Context, home ledger.Home, o *ledger.Options, ready func(address string)) error {
	n, err := ledger.Start(ctx, home, o)
	if err != nil {
		return err
	}
	s, err := server.New(ctx, server.Config{GRPC: "127.0.0.1:0", Services: []server.Service{{Register: func(g *grpc.Server) {
		zkconsentv1.RegisterRegistryServiceServer(g, wire.NewService(n, n.Genesis().Encode()))
	}}}})
	if err != nil {
		return errors.Join(err, n.Stop())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.Failed():
			cancel()
		case <-ctx.Done():
		}
	}()
	ready(s.GRPCAddr())
	return errors.Join(s.Serve(ctx), n.Err(), n.Stop())
}
