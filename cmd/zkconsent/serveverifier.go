package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/doctor"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// party is the verifier whose folder a configuration names.
func (a *app) party(c *config.Config) *app {
	party := *a
	party.home, party.keys = string(c.Verifier.Home), string(c.Verifier.Keys)
	return &party
}

// startVerifier follows the ledger and makes the verifier's service. A node in
// this process is read as any other: through a light client that believes the
// validators' signatures alone.
func (p *process) startVerifier(ctx context.Context, kept *keptAnswers) error {
	c, party := p.c.Verifier, p.a.party(p.c)
	g, err := party.genesis()
	if err != nil {
		return err
	}
	key, err := party.authorityKey()
	if err != nil {
		return err
	}
	keys, err := party.verifierKeys()
	if err != nil {
		return err
	}
	var policies *verifying.Policies
	if c.Policies != "" {
		if policies, err = verifying.OpenPolicies(string(c.Policies)); err != nil {
			return err
		}
		p.reloads = append(p.reloads, policies.Reload)
	}
	followed, err := p.follow(party, g)
	if err != nil {
		return err
	}
	p.atEnd(func() error { followed.Close(); return nil })
	if p.node == nil {
		p.tel.WatchLedger(func() telemetry.Head {
			h, _, err := followed.Head(context.Background())
			if err != nil {
				return telemetry.Head{}
			}
			return telemetry.Head{Height: h.Height, Time: time.Unix(int64(h.Time), 0)}
		})
	}
	late := &lateVerifier{}
	p.services = append(p.services, server.Service{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterVerifierServiceServer(g, late) },
		Gateway:  zkconsentv1.RegisterVerifierServiceHandler,
	})
	p.unary = append(p.unary, late.unary, countVerdicts(p.tel.Metrics))
	p.stream = append(p.stream, late.stream)
	p.able = append(p.able, seldom(late.able))
	// Only the ledger says which authority the key is, and a node in this process
	// is not to wait for that.
	p.task(func(ctx context.Context) error {
		self, err := p.awaitAuthority(ctx, party, followed, key)
		if err != nil {
			return err
		}
		v, err := verifier.New(verifier.Config{
			ID: self.ID, Key: key, Genesis: g.hash, Roots: followed, Keys: keys, Store: kept, Now: p.a.now, AnswerTime: c.AnswerTime,
		})
		if err != nil {
			return err
		}
		purge := c.Purge
		if purge == 0 {
			purge = -1
		}
		s, err := verifying.New(verifying.Config{
			Verifier: v, Policies: policies, Smallest: uint32(c.SmallestCount), PurgeEvery: purge, Log: p.log,
		})
		if err != nil {
			return err
		}
		p.atEnd(func() error { s.Close(); return nil })
		late.come(s)
		return nil
	})
	return nil
}

// follow opens the light client of the nodes that the configuration names, or
// of the one in this process.
func (p *process) follow(party *app, g *genesis) (*verifying.Ledger, error) {
	dirs := party.ledgerDirs()
	trusted, err := party.trusted(dirs[0])
	if err != nil {
		return nil, err
	}
	var sources []light.Source
	for _, address := range p.c.Verifier.Nodes {
		r, err := reach(address, string(p.c.Verifier.NodesCAFile), 1) // another look follows soon
		if err != nil {
			return nil, err
		}
		p.atEnd(r.Close)
		sources = append(sources, r)
	}
	if len(sources) == 0 {
		if directory.GenesisHash(p.node.Genesis()) != g.hash {
			return nil, errors.New("the node in this process is another ledger's than the genesis in verifier.home")
		}
		sources = append(sources, p.node.Node)
	}
	return verifying.Follow(verifying.FollowConfig{
		Genesis: g.Genesis, Nodes: sources, Dir: dirs[1], Trusted: trusted, Every: p.c.Verifier.Follow, Now: p.a.now, Log: p.log,
	})
}

// authorityPoll is how often a process that starts looks whether the ledger
// knows its key, and authorityWords how often it says that it does not.
const (
	authorityPoll  = 50 * time.Millisecond
	authorityWords = 10 * time.Second
)

// errNoAuthority is what a verifier waits for that no steward has added yet.
var errNoAuthority = errors.New("the ledger knows no authority with the key in verifier.home; a steward adds it with: zkconsent steward propose authority")

// awaitAuthority waits until a verified head shows the authority of a key.
func (p *process) awaitAuthority(ctx context.Context, party *app, l *verifying.Ledger, key ed25519.PrivateKey) (directory.Authority, error) {
	tick := time.NewTicker(authorityPoll)
	defer tick.Stop()
	next := time.Now().Add(time.Second)
	for {
		_, dir, err := l.Head(ctx)
		if err == nil {
			if self, ok := authorityByKey(dir, key); ok {
				return self, nil
			}
			err = errNoAuthority
		}
		if errors.Is(err, light.ErrTrustExpired) {
			return directory.Authority{}, party.away(err)
		}
		if time.Now().After(next) {
			next = time.Now().Add(authorityWords)
			p.log.Warn("the verifier waits for the ledger", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return directory.Authority{}, ctx.Err()
		}
	}
}

// seldom asks f at most once a second: whether a store answers is asked of the
// store.
func seldom(f func() error) func() error {
	var mu sync.Mutex
	var at time.Time
	var last error
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > standingTime {
			last, at = f(), time.Now()
		}
		return last
	}
}

// verdictReasons are the reasons under which verdicts are counted.
func verdictReasons() []string {
	out := []string{"accepted"}
	for _, r := range []verifier.Reason{
		verifier.Malformed, verifier.UnknownRequest, verifier.Expired, verifier.AlreadyAnswered, verifier.StaleHead, verifier.InvalidRequest, verifier.UnknownEpoch,
		verifier.StaleEpoch, verifier.Distrusted, verifier.Withdrawn, verifier.NullifierSpent, verifier.BadKey, verifier.BadSignature, verifier.BadProof, verifier.Undecided,
	} {
		out = append(out, string(r))
	}
	return out
}

// countVerdicts counts the verdicts that are handed out, the same one again
// each time, and calls that ended without any as undecided.
func countVerdicts(m *telemetry.Metrics) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, i *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		answer, err := next(ctx, request)
		count := func(v *zkconsentv1.Verdict) {
			if v.GetAccepted() {
				m.Verdict("")
			} else {
				m.Verdict(v.GetReason())
			}
		}
		switch r := answer.(type) {
		case *zkconsentv1.VerifyResponse:
			if err == nil {
				count(r.GetVerdict())
			}
		case *zkconsentv1.VerifyBatchResponse:
			for _, v := range r.GetVerdicts() {
				count(v)
			}
		}
		if err != nil && i.FullMethod == zkconsentv1.VerifierService_Verify_FullMethodName && status.Code(err) == codes.Unavailable {
			m.Verdict(string(verifier.Undecided))
		}
		return answer, err
	}
}

// policiesResult is what a doctor says of a folder of policies.
func policiesResult(dir string) doctor.Result {
	p, err := verifying.OpenPolicies(dir)
	if err != nil {
		return doctor.Bad(doctor.Fail, `"go doc ./verifier/policy" describes the files`, "%s", plainly(err))
	}
	if p.Len() == 0 {
		return doctor.Bad(doctor.Warn, "put policies there, NAME.json each", "%s holds no policy: no request can be made", dir)
	}
	return doctor.Good("%d policies in %s", p.Len(), dir)
}
