package main

import (
	"bytes"
	"context"
	"encoding/hex"
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

const (
	// statusFile is where a running node tells its operator how it stands. It
	// is a file, and no call, so that nobody asks from outside.
	statusFile = "status.json"
	// statusEvery is how often it is written.
	statusEvery = 2 * time.Second
	// maxStatus bounds the file in bytes.
	maxStatus = 1 << 20
)

// A face is where clients reach a node.
type face struct{ grpc, rest string }

// A nodeReport is what a running node writes.
type nodeReport struct {
	Written    time.Time    `json:"written"`
	Chain      string       `json:"chain"`
	Genesis    string       `json:"genesis"`
	Height     uint64       `json:"height"`
	BlockTime  uint64       `json:"blockTime"`
	Epoch      uint64       `json:"epoch"`
	MaxHeadAge uint64       `json:"maxHeadAge"`
	CatchingUp bool         `json:"catchingUp"`
	Validator  string       `json:"validator"`
	Validators []voterView  `json:"validators"`
	Peers      []peerReport `json:"peers"`
	GRPC       string       `json:"grpc"`
	REST       string       `json:"rest,omitempty"`
}

type peerReport struct {
	Node     string `json:"node"`
	Address  string `json:"address"`
	Outbound bool   `json:"dialledByThisNode"`
}

// reportStatus writes the node's report until ctx ends; forget waits for that
// and removes it.
func reportStatus(ctx context.Context, home ledger.Home, n *ledger.Node, f face) (forget func()) {
	path, done := filepath.Join(string(home), statusFile), make(chan struct{})
	write := func() {
		s, err := n.Status()
		if err != nil {
			return // the node is about to stop, or has no state yet
		}
		if b, err := json.MarshalIndent(reportOf(n.Genesis(), s, f), "", "  "); err == nil {
			// Not synced: after a crash nobody needs it.
			if os.WriteFile(path+".new", b, 0o600) == nil {
				_ = os.Rename(path+".new", path)
			}
		}
	}
	write()
	go func() {
		defer close(done)
		tick := time.NewTicker(statusEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				write()
			case <-ctx.Done():
				return
			case <-n.Failed():
				return
			}
		}
	}()
	return func() {
		<-done
		_ = os.Remove(path)
	}
}

func reportOf(g *directory.Genesis, s *ledger.Status, f face) nodeReport {
	r := nodeReport{
		Written: time.Now().UTC(), Chain: g.ChainID, Genesis: fmt.Sprintf("%x", directory.GenesisHash(g)),
		Height: s.Height, BlockTime: s.Time, Epoch: s.Epoch, MaxHeadAge: s.Directory.Parameters.MaxHeadAge,
		CatchingUp: s.CatchingUp, Validator: hex.EncodeToString(s.Validator), Validators: viewVoters(s.Directory, false),
		Peers: []peerReport{}, GRPC: f.grpc, REST: f.rest,
	}
	for _, p := range s.Peers {
		r.Peers = append(r.Peers, peerReport{p.ID, p.Address, p.Outbound})
	}
	return r
}

// A nodeView is a report with what the asking process sees by itself.
type nodeView struct {
	*nodeReport
	Running   bool             `json:"running"`
	Healthy   bool             `json:"healthy"`
	Reason    string           `json:"reason,omitempty"` // why it is not healthy
	Age       int64            `json:"ageSeconds"`       // of the newest block
	Power     uint64           `json:"power"`            // this node's; 0 if it follows only
	Total     uint64           `json:"totalPower"`
	PeersFile int              `json:"peersInFile"`
	Disk      map[string]int64 `json:"diskBytes"`
}

func (a *app) nodeStatusVerb() *cobra.Command {
	var named string
	var patience time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how this machine's node stands",
		Long: `Show how the node on this machine stands, from what it writes into its folder: height
and age of its newest block, epoch, validators, whether this node votes, its
connections, and what it takes of the disk. Nothing here is signed: what the ledger's
validators signed is shown by: zkconsent registry status.

Exit status 0 means that the node runs, has caught up, and its newest block is young
enough for clients to decide on; otherwise it is 4.`,
		RunE: func(c *cobra.Command, _ []string) error {
			home := ledger.Home(a.nodeHome(named))
			v, err := a.nodeView(home)
			for end := a.now().Add(patience); err == nil && !v.Healthy && a.now().Before(end); v, err = a.nodeView(home) {
				select {
				case <-c.Context().Done():
					return c.Context().Err()
				case <-time.After(100 * time.Millisecond):
				}
			}
			if err != nil {
				return err
			}
			if err := a.emit(v, v.print); err != nil {
				return err
			}
			if !v.Healthy {
				return &exit{exitUndecided, errors.New(v.Reason)}
			}
			return nil
		},
	}
	c.Flags().StringVar(&named, "node-home", "", "the node's folder (default: node in this party's folder)")
	c.Flags().DurationVar(&patience, "wait", 0, "wait so long for the node to be healthy")
	return c
}

func (a *app) nodeView(home ledger.Home) (*nodeView, error) {
	if _, err := os.Stat(home.GenesisFile()); err != nil {
		return nil, fmt.Errorf("%w; no ledger's node lives here", err)
	}
	v := &nodeView{nodeReport: &nodeReport{}, Disk: diskUse(home)}
	if peers, err := home.Peers(); err == nil {
		v.PeersFile = len(peers)
	}
	if err := home.Idle(); errors.Is(err, ledger.ErrRunning) {
		v.Running = true
	} else if err != nil {
		return nil, err
	}
	r, err := readReport(filepath.Join(string(home), statusFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r != nil {
		v.nodeReport, v.Age = r, max(0, a.now().Unix()-int64(r.BlockTime))
		for _, x := range r.Validators {
			if v.Total += x.Power; x.Key == r.Validator {
				v.Power = x.Power
			}
		}
	}
	v.Reason = v.trouble(a.now())
	v.Healthy = v.Reason == ""
	return v, nil
}

func (v *nodeView) trouble(now time.Time) string {
	switch {
	case !v.Running:
		return "no node runs on this folder: zkconsent node start"
	case v.Written.IsZero():
		return "the node is starting"
	case now.Sub(v.Written) > 5*statusEvery:
		return fmt.Sprintf("the node has not written its status for %s: it hangs, or its disk is full", now.Sub(v.Written).Round(time.Second))
	case v.CatchingUp:
		return "the node is catching up with the others"
	case v.Age > int64(v.MaxHeadAge):
		return fmt.Sprintf("the newest block is %d seconds old, clients take at most %d: more than a third of the power may be away, or this node is cut off", v.Age, v.MaxHeadAge)
	}
	return ""
}

// readReport reads what the operator's own node wrote.
func readReport(path string) (*nodeReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStatus))
	if err != nil {
		return nil, err
	}
	r := &nodeReport{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("%s: not a report of this version's node", path)
	}
	return r, nil
}

// diskUse is what the node takes of the disk, by part.
func diskUse(home ledger.Home) map[string]int64 {
	size := func(dir string) (n int64) {
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					n += info.Size()
				}
			}
			return nil // a file that compaction removed meanwhile counts nothing
		})
		return n
	}
	return map[string]int64{"state": size(home.StateDir()), "consensus": size(filepath.Join(string(home), "data"))}
}

func (v *nodeView) print(w io.Writer) {
	if v.Written.IsZero() {
		fmt.Fprintf(w, "node        %s\n", v.Reason)
		return
	}
	state := "healthy"
	if !v.Healthy {
		state = v.Reason
	}
	votes := "follows, and signs nothing"
	if v.Power > 0 {
		votes = fmt.Sprintf("votes with power %d of %d", v.Power, v.Total)
	}
	fmt.Fprintf(w, "node        %s\n", state)
	fmt.Fprintf(w, "ledger      %s (genesis %s…)\n", v.Chain, v.Genesis[:min(16, len(v.Genesis))])
	fmt.Fprintf(w, "block       %d, %d s old; epoch %d\n", v.Height, v.Age, v.Epoch)
	fmt.Fprintf(w, "this node   %s\n", votes)
	fmt.Fprintf(w, "peers       %d connected, %d in the file of peers\n", len(v.Peers), v.PeersFile)
	for _, p := range v.Peers {
		fmt.Fprintf(w, "            %s… %s\n", p.Node[:min(16, len(p.Node))], p.Address)
	}
	printVoters(w, v.Validators, v.Validator)
	fmt.Fprintf(w, "disk        state %.1f MB, blocks and consensus %.1f MB\n", float64(v.Disk["state"])/1e6, float64(v.Disk["consensus"])/1e6)
}
