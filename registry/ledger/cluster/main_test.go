package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
)

// What makes the test binary a member: its home, where it listens for other
// members, and their addresses, separated by spaces.
const (
	memberHome   = "ZKCONSENT_TEST_MEMBER_HOME"
	memberListen = "ZKCONSENT_TEST_MEMBER_LISTEN"
	memberPeers  = "ZKCONSENT_TEST_MEMBER_PEERS"
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
	o := &ledger.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Listen: os.Getenv(memberListen),
		Peers:  strings.Fields(os.Getenv(memberPeers)),
	}
	if err := serve(ctx, ledger.Home(home), o, func(address string) { fmt.Println("ready", address) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

// serve runs a node and its wire until the context ends or the node fails, and
// says at which address clients find it.
func serve(ctx context.Context, home ledger.Home, o *ledger.Options, ready func(address string)) error {
	n, err := ledger.Start(ctx, home, o)
	if err != nil {
		return err
	}
	s, err := server.New(ctx, server.Config{GRPC: "127.0.0.1:0", Register: func(g *grpc.Server) {
		zkconsentv1.RegisterRegistryServiceServer(g, wire.NewService(n, n.Genesis().Encode()))
	}})
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
