package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// The limits of a connection.
const (
	maxHeaders       = 64 << 10         // what a service says beside an answer, in bytes
	keepaliveTime    = 45 * time.Second // services cut off who pings more often than each 30 s
	keepaliveTimeout = 20 * time.Second
	connectTimeout   = 10 * time.Second
	reconnect        = 2 * time.Second // at most between two attempts to connect
)

// A Conn is a connection to a service, over which generated clients call it. Its
// methods may be called concurrently.
type Conn struct {
	c     Config
	lines []line
	turn  atomic.Uint32 // the line of the next call; with Failover, of all of them
}

// A line is the connection to one address.
type line struct {
	address address
	conn    *grpc.ClientConn
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// Dial prepares a connection, without asking the service anything yet. Files
// that the Config names are read, so that a mistake shows at once.
func Dial(c Config) (_ *Conn, err error) {
	if c, err = c.completed(); err != nil {
		return nil, err
	}
	out := &Conn{c: c}
	defer func() {
		if err != nil {
			_ = out.Close()
		}
	}()
	secure, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	if c.TokenFile != "" {
		if _, err := readToken(c.TokenFile); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Addresses {
		a, err := parseAddress(text)
		if err != nil {
			return nil, err
		}
		if !a.tls && (c.bearer() != nil || c.CertFile != "") {
			return nil, fmt.Errorf("client: address %q is plaintext, over which neither a token nor a certificate is sent; use https://", text)
		}
		options := c.options()
		target := a.host
		if a.tls {
			options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(secure)))
		} else {
			target = "passthrough:///" + a.host
			options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dialLoopback))
		}
		conn, err := grpc.NewClient(target, options...)
		if err != nil {
			return nil, fmt.Errorf("client: address %q: %w", text, err)
		}
		out.lines = append(out.lines, line{a, conn})
	}
	return out, nil
}

// options are those of every connection. Repetitions are this package's own: a
// name server's word is not asked how often to call.
func (c *Config) options() []grpc.DialOption {
	out := []grpc.DialOption{
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(c.MaxAnswer)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: min(c.Backoff, reconnect) / 2, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnect},
			MinConnectTimeout: connectTimeout,
		}),
	}
	if b := c.bearer(); b != nil {
		out = append(out, grpc.WithPerRPCCredentials(b))
	}
	return out
}

// Name is the addresses, with commas between.
func (c *Conn) Name() string { return strings.Join(c.c.Addresses, ",") }

// Close ends the connection and every call over it.
func (c *Conn) Close() (err error) {
	for _, l := range c.lines {
		err = errors.Join(err, l.conn.Close())
	}
	return err
}

// Invoke makes one call and repeats it where its method allows that. The error
// is an *Error.
func (c *Conn) Invoke(ctx context.Context, method string, request, answer any, options ...grpc.CallOption) error {
	r := ruleOf(method)
	return c.repeat(ctx, method, r.again != nil && r.again(request), func(ctx context.Context, l *line) error {
		ctx, cancel := context.WithTimeout(ctx, max(c.c.Timeout, r.atLeast))
		defer cancel()
		return l.conn.Invoke(ctx, method, request, answer, options...)
	})
}

// NewStream begins a stream, once. Errors, the stream's too, are those of gRPC.
func (c *Conn) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.lines[c.first()].conn.NewStream(ctx, d, method, options...)
}

// first is the line with which a call begins.
func (c *Conn) first() int {
	n := uint32(len(c.lines))
	if c.c.Failover {
		return int(c.turn.Load() % n)
	}
	return int((c.turn.Add(1) - 1) % n)
}

// left says that a line did not answer: with Failover the next call begins
// with the one after it.
func (c *Conn) left(i int) {
	if n := uint32(len(c.lines)); c.c.Failover {
		c.turn.CompareAndSwap(uint32(i), (uint32(i)+1)%n)
	}
}
