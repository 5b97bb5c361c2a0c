package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Guard decides for each call who makes it, whether they may, and whether
// they do so too often.
type Guard struct {
	table        map[string][]Role
	certificates *certificates
	tokens       *tokens
	local        []Role
	named        *limits // by principal
	anonymous    *limits // by neighbourhood
	failed       *limits // by neighbourhood, of credentials that do not hold
	log          *slog.Logger
	now          func() time.Time
	stop         context.CancelFunc
	stopped      sync.WaitGroup
}

// NewGuard checks the configuration and returns a Guard. It finds the issuers'
// keys in the background: a token of an issuer that cannot be reached is
// refused until it can. [Guard.Close] ends that.
func NewGuard(c GuardConfig) (*Guard, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Guard{table: Table(), local: c.Loopback, log: c.Logger, now: c.Now}
	if err := checkRoles(c.Loopback); err != nil {
		return nil, err
	}
	for method, w := range weights() {
		for i, r := range []Rate{c.Rate, c.AnonymousRate} {
			if i == 1 && !allowed(g.table, method, nil) {
				continue
			}
			if r.Burst != 0 && r.Burst < w && r.PerSecond >= 0 {
				return nil, fmt.Errorf("%w: %s weighs %d, more than a burst of %d: nobody could call it", ErrConfig, method, w, r.Burst)
			}
		}
	}
	g.named, g.anonymous, g.failed = newLimits(c.Rate), newLimits(c.AnonymousRate), newLimits(c.AnonymousRate)
	var err error
	if g.certificates, err = newCertificates(c.Certificates); err != nil {
		return nil, err
	}
	if g.tokens, err = newTokens(c, c.Logger); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	for _, i := range g.tokens.issuers {
		g.stopped.Go(func() {
			i.keys.follow(ctx)
			i.keys.client.CloseIdleConnections()
		})
	}
	return g, nil
}

// Close ends what the guard does in the background.
func (g *Guard) Close() {
	g.stop()
	g.stopped.Wait()
}

// Unary is the interceptor for calls with one answer.
func (g *Guard) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		p, _, err := g.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		answer, err := handler(With(ctx, p), request)
		g.keep(ctx, info.FullMethod, p, err)
		return answer, err
	}
}

// Stream is the interceptor for streams. A stream ends with the credential that
// opened it.
func (g *Guard) Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := stream.Context()
		p, until, err := g.admit(ctx, info.FullMethod)
		if err != nil {
			return err
		}
		if !until.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, until.Sub(g.now()), errRefused)
			defer cancel()
		}
		err = handler(service, &known{stream, With(ctx, p)})
		if errors.Is(context.Cause(ctx), errRefused) {
			err = notSignedIn()
		}
		g.keep(ctx, info.FullMethod, p, err)
		return err
	}
}

// known is a stream whose caller is known.
type known struct {
	grpc.ServerStream
	ctx context.Context
}

func (k *known) Context() context.Context { return k.ctx }

// keep logs who changed something.
func (g *Guard) keep(ctx context.Context, method string, p Principal, err error) {
	if p.Name != "" && Changes(method) {
		g.log.LogAttrs(ctx, slog.LevelInfo, "change", slog.String("method", method), slog.String("principal", p.Name), slog.String("code", status.Code(err).String()))
	}
}

// admit returns the caller of a method, and until when its credential holds, or
// the refusal.
func (g *Guard) admit(ctx context.Context, method string) (Principal, time.Time, error) {
	o := originOf(ctx)
	p, until, err := g.signIn(ctx, o)
	if err != nil {
		return Principal{}, time.Time{}, err
	}
	limits, caller := g.named, p.Name
	if caller == "" {
		limits, caller = g.anonymous, shares.Neighbourhood(o.Address)
	}
	if wait := limits.take(caller, Weight(method), g.now()); wait > 0 {
		return Principal{}, time.Time{}, tooMany(wait)
	}
	switch {
	case allowed(g.table, method, p.Roles):
		return p, until, nil
	case len(g.table[method]) > 0 && p.Name == "":
		return Principal{}, time.Time{}, notSignedIn()
	}
	return Principal{}, time.Time{}, refusal.New(codes.PermissionDenied, refusal.NotAllowed, "the caller's roles do not include this call; its operator gives roles")
}

// Visit counts a page that everybody may read against the address that reads it.
func (g *Guard) Visit(o Origin) error {
	if wait := g.anonymous.take(shares.Neighbourhood(o.Address), 1, g.now()); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

// Stranger refuses a call that needs a credential and has none, by its headers
// alone: before its message is decoded. Every call passes the interceptors all
// the same.
func (g *Guard) Stranger(ctx context.Context, method string) error {
	o := originOf(ctx)
	if o.Certificate == nil && len(o.Authorization) == 0 && !(o.Local && len(g.local) > 0) && len(g.table[method]) > 0 && !allowed(g.table, method, nil) {
		return notSignedIn()
	}
	return nil
}

// signIn finds out who calls. Who shows a certificate and a token must have
// both hold, and is whom the token names.
func (g *Guard) signIn(ctx context.Context, o Origin) (p Principal, until time.Time, err error) {
	if o.Certificate == nil && len(o.Authorization) == 0 {
		if o.Local && len(g.local) > 0 {
			return Principal{Name: "loopback", Roles: g.local}, time.Time{}, nil
		}
		return Principal{}, time.Time{}, nil
	}
	shown := ""
	if o.Certificate != nil {
		shown = label(o.Certificate)
		p, err = g.certificates.principal(o.Certificate, g.now())
		until = o.Certificate.NotAfter
	}
	if err == nil && len(o.Authorization) > 0 {
		certified := until
		shown, p, until, err = g.read(ctx, o.Authorization)
		if !certified.IsZero() && certified.Before(until) {
			until = certified
		}
	}
	if err == nil {
		return p, until, nil
	}
	// Only what does not hold is bounded: whoever shares an address with somebody
	// who guesses is let in all the same.
	from := shares.Neighbourhood(o.Address)
	if wait := g.failed.empty(from, g.now()); wait > 0 {
		return Principal{}, time.Time{}, tooMany(wait)
	}
	if errors.Is(err, errAway) {
		g.failed.charge(from, 1, g.now()) // it may hold
		return Principal{}, time.Time{}, refusal.Later(codes.Unavailable, refusal.NoIssuer, 5*time.Second, "the issuer of the token cannot be asked for its keys; send again later")
	}
	g.failed.charge(from, failedWeight, g.now())
	g.log.LogAttrs(ctx, slog.LevelWarn, "a credential was refused", slog.String("credential", shown), slog.String("why", why(err)))
	return Principal{}, time.Time{}, notSignedIn()
}

// read verifies a bearer token. What it returns first is for the log.
func (g *Guard) read(ctx context.Context, authorization []string) (string, Principal, time.Time, error) {
	const unknown = "token: of no issuer here"
	token, err := bearer(authorization)
	if err != nil {
		return unknown, Principal{}, time.Time{}, err
	}
	i := g.tokens.of(token)
	if i == nil {
		return unknown, Principal{}, time.Time{}, whyIssuer
	}
	p, until, err := i.principal(ctx, token)
	return "token:" + i.URL, p, until, err
}

// why is what the log says of a refused credential.
func why(err error) string {
	var b because
	if errors.As(err, &b) {
		return string(b)
	}
	return "it does not hold"
}

// notSignedIn is the one answer for a credential that is missing or does not
// hold, whatever the reason.
func notSignedIn() error {
	return refusal.New(codes.Unauthenticated, refusal.NotSignedIn, "no credential that holds came with the call; show a client certificate or a bearer token")
}

func tooMany(wait time.Duration) error {
	// Whole seconds, which REST can say too.
	wait = (wait + time.Second - 1).Truncate(time.Second)
	return refusal.Later(codes.ResourceExhausted, refusal.TooMany, wait, "this caller calls too often; send again after the while that the answer names")
}
