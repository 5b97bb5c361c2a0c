package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
)

func (a *app) nodeVerb() *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "Start a ledger or join one, and run its node"}
	c.AddCommand(a.nodeCardVerb(), a.nodeInitVerb(), a.nodeJoinVerb(), a.nodeStartVerb(), a.nodeStatusVerb(), a.checkVerb(), a.nodeBackupVerb(), a.nodeRestoreVerb(), a.nodeResetVerb(), a.nodeLeaveVerb())
	return c
}

func (a *app) nodeHome(named string) string {
	if named != "" {
		return named
	}
	return a.path("node")
}

// A service is a node with its face to clients.
type service struct {
	home         ledger.Home
	listen, rest string
	options      ledger.Options
	ca           string                                // who vouches for the members in joinFrom
	ready        func(grpcAddr, restAddr string) error // called when it serves
}

func (a *app) nodeStartVerb() *cobra.Command {
	var home, ready, p2p string
	var peers, join []string
	var verbose bool
	x := service{}
	c := &cobra.Command{
		Use:   "start",
		Short: "Run the ledger node until it is told to stop",
		Long: `Run the ledger node: consensus, its state, and its face to wallets, authorities and
verifiers as gRPC and REST. That face is plaintext, on loopback addresses only.

Other members' nodes are those in the file peers in the node's folder and those of
--peer; they reach this one at --p2p, over connections that are encrypted and on which
each proves its id. Run one process for one validator key, ever: two would sign
against each other, which everybody sees and which costs the validator its power.`,
		RunE: func(c *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelInfo
			}
			x.home = ledger.Home(a.nodeHome(home))
			x.options.Logger = slog.New(calm{slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})})
			if err := x.network(p2p, peers); err != nil {
				return err
			}
			x.ca = a.remote.ca
			done, err := x.joinFrom(join)
			if err != nil {
				return err
			}
			defer done()
			x.ready = func(grpcAddr, restAddr string) error {
				if ready != "" {
					if err := writeFile(ready, []byte(grpcAddr+"\n"), 0o600); err != nil {
						return err
					}
				}
				v := map[string]string{"grpc": grpcAddr, "rest": restAddr}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "node is ready: gRPC on %s", grpcAddr)
					if restAddr != "" {
						fmt.Fprintf(w, ", REST on http://%s/v1/checkpoint", restAddr)
					}
					fmt.Fprintln(w)
				})
			}
			return a.serveNode(c.Context(), x)
		},
	}
	f := c.Flags()
	f.StringVar(&home, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.StringVar(&x.listen, "listen", "127.0.0.1:7300", "address for gRPC; port 0 takes any")
	f.StringVar(&x.rest, "rest", "127.0.0.1:7301", "address for REST; empty serves none")
	f.StringVar(&p2p, "p2p", "", "`HOST:PORT` for other nodes, such as 0.0.0.0:26656; default: none reaches this one")
	f.StringArrayVar(&peers, "peer", nil, "another node, as `ID@HOST:PORT`; may be repeated")
	f.StringArrayVar(&join, "join", nil, "`address` of another member's gRPC: a new node takes a snapshot instead of every block, and a restored one takes the headers of before its backup; both read from there, and verify, what they need; may be repeated")
	f.Uint64Var(&x.options.SnapshotInterval, "snapshot-interval", 0, "blocks from one snapshot to the next, the same for all members; 0 means 1,000")
	f.Uint64Var(&x.options.RetainBlocks, "retain-blocks", 0, "keep this many of the newest blocks, and those of which a validator may still be convicted; 0 keeps all")
	f.StringVar(&ready, "ready-file", "", "write the gRPC address here when the node is ready")
	f.BoolVar(&verbose, "verbose", false, "log what consensus does")
	return c
}

// network sets where other nodes are: the home's list, and the flags'.
func (x *service) network(p2p string, more []string) error {
	if p2p != "" {
		if _, _, err := net.SplitHostPort(p2p); err != nil {
			return misuse("--p2p %q: HOST:PORT is wanted", p2p)
		}
		x.options.Listen = "tcp://" + p2p
	}
	peers, err := x.home.Peers()
	if err != nil {
		return err
	}
	known := map[member.NodeID]bool{}
	if self, err := x.home.NodeID(); err == nil {
		known[self] = true // a list that is the same for all members names this one too
	}
	for _, s := range more {
		p, err := member.ParsePeer(s)
		if err != nil {
			return misuse("--peer: %w", err)
		}
		peers = append(peers, p)
	}
	for _, p := range peers {
		if !known[p.ID] {
			known[p.ID] = true
			x.options.Peers = append(x.options.Peers, p.String())
		}
	}
	return nil
}

// serveNode runs a node until ctx ends.
func (a *app) serveNode(ctx context.Context, x service) (err error) {
	n, err := runNode(ctx, x.home, &x.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	s, err := server.New(ctx, server.Config{GRPC: x.listen, REST: x.rest, Services: []server.Service{registryService(n)}})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Serve(serving) }()
	defer attend(serving, x.home, n, face{s.GRPCAddr(), s.RESTAddr()})()
	if err := x.ready(s.GRPCAddr(), s.RESTAddr()); err != nil {
		stop()
		return errors.Join(err, <-done)
	}
	select {
	case err := <-done:
		stop()
		return err
	case <-n.Failed():
		stop()
		return errors.Join(n.Err(), <-done)
	}
}

// runNode starts the node of a home that no other process runs.
func runNode(ctx context.Context, home ledger.Home, o *ledger.Options) (*ledger.Node, error) {
	if _, err := os.Stat(home.GenesisFile()); err != nil {
		return nil, fmt.Errorf("%w; no ledger was made here: zkconsent node init makes one, zkconsent node join takes another's", err)
	}
	// What an earlier process said about itself does not hold for this one.
	if err := os.Remove(filepath.Join(string(home), statusFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	n, err := ledger.Start(ctx, home, o)
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fmt.Errorf("%s: a node runs on this folder already; two would both sign for one validator", home)
	}
	return n, err
}

// attend does for a running node what its operator's other verbs ask of it by
// files in its folder, until ctx ends; forget waits for that.
func attend(ctx context.Context, home ledger.Home, n *ledger.Node, f face) (forget func()) {
	unreport, unbackup := reportStatus(ctx, home, n, f), makeBackups(ctx, home, n)
	return func() {
		unbackup()
		unreport()
	}
}

// registryService is a node's face to clients.
func registryService(n *ledger.Node) server.Service {
	registry := wire.NewService(n, n.Genesis().Encode())
	return server.Service{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, registry) },
		Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
	}
}

// calm drops the one line that CometBFT logs as an error whenever it is told to
// stop.
type calm struct{ slog.Handler }

func (h calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "Stopped accept routine, as transport is closed" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h calm) WithAttrs(a []slog.Attr) slog.Handler { return calm{h.Handler.WithAttrs(a)} }
func (h calm) WithGroup(name string) slog.Handler   { return calm{h.Handler.WithGroup(name)} }
