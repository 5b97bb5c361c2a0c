package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"syscall"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/spf13/cobra"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
)

func (a *app) nodeVerb() *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "Start a ledger and run its node"}
	c.AddCommand(a.nodeInitVerb(), a.nodeStartVerb())
	return c
}

func (a *app) nodeHome(named string) string {
	if named != "" {
		return named
	}
	return a.path("node")
}

func (a *app) nodeInitVerb() *cobra.Command {
	var chain, stewardKey, stewardName, stewardURI string
	var trusts, sets []string
	p := directory.Parameters{Stewards: 1}
	c := &cobra.Command{
		Use:   "init --chain NAME --steward-key HEX",
		Short: "Make a new ledger: its genesis and its one validator",
		Long: `Make a new ledger with this node as its one validator, and write genesis.zkc: give
it to every party. The genesis names the steward who may add authorities, the
built-in schemas, the lists that you name, and the circuits' keys in --keys.

Keys of a setup by one party are refused, here and by every party of the ledger,
unless the ledger itself says that it is a demonstration: --development-keys.`,
		RunE: func(*cobra.Command, []string) error {
			pub, err := parseKey(stewardKey)
			if err != nil {
				return misuse("--steward-key: %w", err)
			}
			d, err := a.genesisDirectory(p, trusts, sets)
			if err != nil {
				return err
			}
			d.Authorities = []directory.Authority{{ID: directory.AuthorityID(pub), Key: pub, URI: stewardURI, Name: stewardName, Roles: directory.Steward, Active: true}}
			home := ledger.Home(a.nodeHome(""))
			validator, err := home.Create()
			if err != nil {
				return err
			}
			d.Validators = []directory.Validator{{Key: validator, Power: 1, Name: stewardName}}
			g := &directory.Genesis{ChainID: chain, Time: uint64(a.now().Unix()), Directory: *d}
			if err := home.WriteGenesis(g); err != nil {
				return err
			}
			if err := a.writeMessage("genesis", a.path(genesisFile), g.Encode()); err != nil {
				return err
			}
			hash := directory.GenesisHash(g)
			v := map[string]any{"chain": chain, "genesis": fmt.Sprintf("%x", hash), "file": a.path(genesisFile), "node": string(home)}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "ledger %s, genesis %x\ngive %s to every party; start the node with: zkconsent node start\n", chain, hash, a.path(genesisFile))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&chain, "chain", "", "name of the ledger")
	f.StringVar(&stewardKey, "steward-key", "", "public key of the steward, from: zkconsent authority key")
	f.StringVar(&stewardName, "steward-name", "Steward", "name of the steward")
	f.StringVar(&stewardURI, "steward-uri", "urn:zkconsent:steward", "reference of the steward")
	f.StringArrayVar(&trusts, "trust-list", nil, "file of a trust list; may be repeated")
	f.StringArrayVar(&sets, "value-set", nil, "file of a value set; may be repeated")
	f.Uint64Var(&p.Epoch, "epoch", 600, "seconds between two epochs")
	f.BoolVar(&p.EveryBlock, "every-block", false, "close an epoch with every block that has transactions, for demonstrations")
	f.Uint64Var(&p.MaxHeadAge, "max-head-age", 600, "seconds after which a client decides nothing on an old head")
	f.Uint64Var(&p.Heartbeat, "heartbeat", 60, "seconds between empty blocks")
	f.Uint64Var(&p.Quota, "quota", 1<<16, "records per authority and epoch")
	f.Uint64Var(&p.PowBits, "pow-bits", 20, "leading zero bits of a stamp in place of an authority's signature")
	f.BoolVar(&p.DevelopmentKeys, "development-keys", false, "take keys of a setup by one party: for demonstrations, since their maker can prove anything")
	f.Uint64Var(&p.TrustPeriod, "trust-period", 180*24*3600, "seconds for which a header that was verified vouches for later validators")
	f.Uint64Var(&p.RevokeDelay, "revoke-delay", 3600, "longest random delay, in seconds, between a withdrawal and the erasure of its leaf")
	required(c, "chain", "steward-key")
	return c
}

func (a *app) genesisDirectory(p directory.Parameters, trusts, sets []string) (*directory.Directory, error) {
	d := &directory.Directory{Parameters: p}
	for _, s := range consent.BuiltinSchemas() {
		d.Schemas = append(d.Schemas, directory.Named{Name: s.Name, Sequence: s.Version, Digest: s.Digest()})
	}
	for _, file := range trusts {
		b, err := a.readMessage("trust-list", file, consent.MaxRequest)
		if err != nil {
			return nil, err
		}
		t, err := consent.DecodeTrustList(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		d.TrustLists = append(d.TrustLists, directory.Named{Name: t.Name, Sequence: t.Sequence, Digest: t.Digest()})
	}
	for _, file := range sets {
		b, err := a.readMessage("value-set", file, consent.MaxRequest)
		if err != nil {
			return nil, err
		}
		s, err := consent.DecodeValueSet(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		d.ValueSets = append(d.ValueSets, directory.Named{Name: s.Name, Sequence: s.Sequence, Digest: s.Digest()})
	}
	for _, list := range [][]directory.Named{d.Schemas, d.TrustLists, d.ValueSets} {
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	}
	_, m, err := a.manifest()
	if err != nil {
		return nil, err
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if err := e.Production(); err != nil && !p.DevelopmentKeys {
			return nil, fmt.Errorf("%w: node init --development-keys", err)
		}
		d.Manifests = append(d.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: [32]byte(e.Digest())})
	}
	return d, nil
}

func (a *app) nodeStartVerb() *cobra.Command {
	var home, listen, rest, ready string
	var verbose bool
	c := &cobra.Command{
		Use:   "start",
		Short: "Run the ledger node until it is told to stop",
		Long: `Run the ledger node: consensus, its state, and its face to wallets, authorities and
verifiers as gRPC and REST. It serves plaintext, on loopback addresses only.`,
		RunE: func(c *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelInfo
			}
			log := slog.New(calm{slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})})
			return a.serveNode(c.Context(), ledger.Home(a.nodeHome(home)), listen, rest, log, func(grpcAddr, restAddr string) error {
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
			})
		},
	}
	f := c.Flags()
	f.StringVar(&home, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.StringVar(&listen, "listen", "127.0.0.1:7300", "address for gRPC; port 0 takes any")
	f.StringVar(&rest, "rest", "127.0.0.1:7301", "address for REST; empty serves none")
	f.StringVar(&ready, "ready-file", "", "write the gRPC address here when the node is ready")
	f.BoolVar(&verbose, "verbose", false, "log what consensus does")
	return c
}

// serveNode runs a node until ctx ends; ready is called when it serves.
func (a *app) serveNode(ctx context.Context, home ledger.Home, listen, rest string, log *slog.Logger, ready func(grpcAddr, restAddr string) error) (err error) {
	if _, err := os.Stat(home.GenesisFile()); err != nil {
		return fmt.Errorf("%w; no ledger was made here: zkconsent node init makes one", err)
	}
	n, err := ledger.Start(ctx, home, &ledger.Options{Logger: log})
	if errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("%s: a node runs on this folder already; two would both sign for one validator", home)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	s, err := server.New(ctx, server.Config{
		GRPC: listen, REST: rest,
		Register: func(g *grpc.Server) {
			zkconsentv1.RegisterRegistryServiceServer(g, wire.NewService(n, n.Genesis().Encode()))
		},
		Gateway: func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
			return zkconsentv1.RegisterRegistryServiceHandler(ctx, mux, conn)
		},
	})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Serve(serving) }()
	if err := ready(s.GRPCAddr(), s.RESTAddr()); err != nil {
		stop()
		return errors.Join(err, <-done)
	}
	select {
	case err := <-done:
		return err
	case <-n.Failed():
		stop()
		return errors.Join(n.Err(), <-done)
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
