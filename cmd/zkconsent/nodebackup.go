package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// A backup is made by the process that runs the node, which others ask by files
// in its folder: whoever may write there may read its keys anyway.
const (
	backupRequest = "backup.request"
	backupResult  = "backup.result"
	// backupPoll is how often a node looks for a request.
	backupPoll = 500 * time.Millisecond
	// maxBackupFile bounds both files in bytes.
	maxBackupFile = 16 << 10
)

// A backupMail is both a request and its result.
type backupMail struct {
	Folder string `json:"folder"`
	Error  string `json:"error,omitempty"`
}

func readMail(path string) (m backupMail, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBackupFile))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func (m backupMail) put(path string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(path, b, 0o600)
}

// makeBackups makes the backups that are asked for, one after the other, until
// ctx ends; wait returns when the last one has.
func makeBackups(ctx context.Context, home ledger.Home, n *ledger.Node) (wait func()) {
	request, result := filepath.Join(string(home), backupRequest), filepath.Join(string(home), backupResult)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(backupPoll)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			case <-n.Failed():
				return
			}
			m, err := readMail(request)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = n.Backup(ctx, m.Folder, nil)
			}
			if m.Error = ""; err != nil {
				m.Error = err.Error()
			}
			// The request goes last: without a result it is made again.
			_ = m.put(result)
			_ = os.Remove(request)
		}
	}()
	return func() { <-done }
}

func (a *app) nodeBackupVerb() *cobra.Command {
	var named string
	var patience time.Duration
	c := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Have the running node write a backup into a new folder",
		Long: `Have the running node write a backup into a new folder: its newest state, the genesis,
and the signatures that show the state to be the ledger's. It waits for two blocks.

A backup holds no keys and no record of what the validator has signed, and must not:
a key that comes back with an older record signs against itself. Nothing in a backup
is secret, and nothing has to be believed: zkconsent node restore verifies all of it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			home := ledger.Home(a.nodeHome(named))
			folder, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Stat(folder); err == nil {
				return fmt.Errorf("%s is there already; a backup is written into a new folder", folder)
			}
			if err := home.Idle(); err == nil {
				return fmt.Errorf("%s: no node runs on it; a backup is made by the running node", home)
			} else if !errors.Is(err, ledger.ErrRunning) {
				return err
			}
			result := filepath.Join(string(home), backupResult)
			if err := os.Remove(result); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			start := time.Now()
			if err := (backupMail{Folder: folder}).put(filepath.Join(string(home), backupRequest)); err != nil {
				return err
			}
			if err := awaitBackup(c.Context(), result, folder, patience); err != nil {
				return err
			}
			took := time.Since(start)
			v := map[string]any{"folder": folder, "seconds": took.Seconds()}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "backup written to %s in %s; it holds no keys\n", folder, took.Round(time.Millisecond))
			})
		},
	}
	c.Flags().StringVar(&named, "node-home", "", "the node's folder (default: node in this party's folder)")
	c.Flags().DurationVar(&patience, "wait", time.Hour, "wait so long for the node to be done")
	return c
}

func awaitBackup(ctx context.Context, result, folder string, patience time.Duration) error {
	end := time.After(patience)
	for {
		m, err := readMail(result)
		switch {
		case err == nil && m.Folder == folder && m.Error != "":
			return errors.New(m.Error)
		case err == nil && m.Folder == folder:
			return os.Remove(result)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-end:
			return fmt.Errorf("the node has not finished the backup within %s; see whether it makes blocks: zkconsent node status", patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *app) nodeRestoreVerb() *cobra.Command {
	x := &joining{}
	var genesisPath string
	c := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Build a new node from a backup, verified from the genesis",
		Long: `Build a new node's state from a backup and verify all of it from the genesis that you
name or that lies in this folder: take it from the other members, not from the
backup. The node has keys of its own, made now if there are none, and takes the
blocks since the backup from its peers. Start it with --join, another member's
gRPC address, once: it reads from there the headers of before the backup. Without
them it stands still at a block that convicts a validator of then.

A validator whose disk is lost does not come back with its old key: the record of
what it has signed is lost too. The stewards remove that key and add the new one:
zkconsent node card, zkconsent steward propose validator.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if genesisPath == "" {
				genesisPath = a.path(genesisFile)
			}
			b, err := a.readMessage("genesis", genesisPath, maxGenesis)
			if err != nil {
				return err
			}
			g, err := directory.DecodeGenesis(b)
			if err != nil {
				return fmt.Errorf("%s: %w", genesisPath, err)
			}
			home := ledger.Home(a.nodeHome(x.home))
			if err := os.MkdirAll(string(home), 0o700); err != nil {
				return err
			}
			peers, names, err := a.joiningPeers(x)
			if err != nil {
				return err
			}
			start := time.Now()
			bar := newBar(a.stderr, a.json)
			err = ledger.Restore(c.Context(), ledger.Restoring{From: args[0], Home: home, Genesis: g, Progress: func(stage string, done, total uint64) {
				bar.show(float64(done)/float64(max(total, 1)), stage)
			}})
			bar.end()
			if err != nil {
				return err
			}
			if err := a.takeGenesis(home, g); err != nil {
				return err
			}
			if len(peers) > 0 {
				if err := home.WritePeers(peers, names); err != nil {
					return err
				}
			}
			took := time.Since(start)
			v := map[string]any{"node": string(home), "seconds": took.Seconds(), "peers": len(peers)}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "restored and verified in %s, with %d peer(s); start the node with: zkconsent node start --p2p HOST:PORT --join ADDRESS\n", took.Round(time.Millisecond), len(peers))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&x.home, "node-home", "", "the node's folder (default: node in this party's folder)")
	f.StringVar(&genesisPath, "genesis", "", "`file` with the genesis; default: genesis.zkc in this party's folder")
	f.StringArrayVar(&x.cards, "member", nil, "`file` with another member's card; may be repeated")
	f.StringSliceVar(&x.peers, "peers", nil, "other nodes as `ID@HOST:PORT`, separated by commas")
	return c
}

func (a *app) nodeResetVerb() *cobra.Command {
	var named string
	var yes bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Empty a node's folder but for its genesis and keys, so that it takes the state anew",
		Long: `Empty a stopped node's folder but for the genesis, the list of peers, the keys and the
record of what the validator has signed, so that it takes the state from the other
members anew: by blocks, or by a snapshot with zkconsent node start --join.`,
		RunE: func(*cobra.Command, []string) error {
			home := ledger.Home(a.nodeHome(named))
			g, err := home.Genesis()
			if err != nil {
				return err
			}
			if err := home.Idle(); err != nil {
				return fmt.Errorf("%w; stop it first: nothing was removed", err)
			}
			if own, err := home.ValidatorKey(); err == nil && len(g.Directory.Voting()) == 1 {
				if _, alone := founderOf(g, own); alone {
					return errors.New("this node founded its ledger alone: perhaps nobody else has its state; nothing was removed")
				}
			}
			if !yes && !a.confirm("remove this node's state and blocks?") {
				return errors.New("nothing was removed: agree at the prompt, or with --yes")
			}
			if err := home.Reset(); err != nil {
				return err
			}
			return a.emit(map[string]string{"node": string(home)}, func(w io.Writer) {
				fmt.Fprintf(w, "%s holds its genesis and keys only; the next start takes the state from the others\n", home)
			})
		},
	}
	c.Flags().StringVar(&named, "node-home", "", "the node's folder (default: node in this party's folder)")
	c.Flags().BoolVar(&yes, "yes", false, "remove them without asking")
	return c
}

// joinFrom opens the members that a new node reads light blocks from.
func (x *service) joinFrom(addresses []string) (done func(), err error) {
	var open []io.Closer
	done = func() {
		for _, c := range open {
			_ = c.Close()
		}
	}
	for _, address := range addresses {
		r, err := reach(address, x.ca, 1)
		if err != nil {
			done()
			return nil, misuse("--join %s: %w", address, err)
		}
		open = append(open, r)
		x.options.Join = append(x.options.Join, r)
	}
	return done, nil
}
