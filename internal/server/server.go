// Package server runs gRPC services with a REST face beside them: listeners,
// limits and an orderly end (docs/spec.md §8).
//
// # Caveats
//
// It speaks plaintext and therefore refuses to listen anywhere but on the
// loopback interface: what a wallet reads, and when, must not be open to
// whoever shares its network.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/encoding/protojson"
)

// The limits of every connection.
const (
	// MaxMessage bounds a message in bytes: the largest transaction is a batch
	// of 4,096 sealed records, about 0.3 MiB.
	MaxMessage = 1 << 20

	maxStreams    = 64
	maxHeaders    = 16 << 10
	idleTimeout   = 5 * time.Minute
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	answerTimeout = 2 * time.Minute // of REST; longer than a client waits for a transaction
	drainTimeout  = 5 * time.Second
)

// ErrNotLoopback reports an address that others than this machine can reach.
var ErrNotLoopback = errors.New("server: plaintext is served on loopback addresses only")

// A Server owns its two listeners.
type Server struct {
	grpc     *grpc.Server
	http     *http.Server
	grpcAddr net.Listener
	httpAddr net.Listener
	conn     *grpc.ClientConn
}

// New binds the listeners; [Server.Serve] serves them.
func New(ctx context.Context, c Config) (_ *Server, err error) {
	s := &Server{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.grpcAddr, err = listen(c.GRPC); err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(headerTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}),
	)
	for _, service := range c.Services {
		service.Register(s.grpc)
	}
	if c.REST == "" {
		return s, nil
	}
	if s.httpAddr, err = listen(c.REST); err != nil {
		return nil, err
	}
	s.conn, err = grpc.NewClient(s.grpcAddr.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	mux := runtime.NewServeMux(
		// The gateway's own default lets Grpc-Metadata-* through; see also bare.
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(outgoing),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: true},
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}),
	)
	for _, service := range c.Services {
		if service.Gateway == nil {
			continue
		}
		if err := service.Gateway(ctx, mux, s.conn); err != nil {
			return nil, err
		}
	}
	s.http = &http.Server{
		Handler:           http.MaxBytesHandler(revalidated(bare(mux)), 2*MaxMessage),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
	}
	return s, nil
}

// maxAnswer bounds what the REST face takes from its own services: a range of
// a log is larger than any request.
const maxAnswer = 8 << 20

// bare hands on a request with the two headers that say how its body and its
// answer are written, and nothing else. Past its header matcher the gateway
// still makes metadata of Authorization, X-Forwarded-*, Host and the remote
// address, and obeys Grpc-Timeout: what an unknown caller writes there would
// look to a service like something that the gateway vouches for.
func bare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := r.WithContext(r.Context())
		b.Header = http.Header{}
		for _, name := range []string{"Accept", "Content-Type"} {
			if v := r.Header.Get(name); v != "" {
				b.Header.Set(name, v)
			}
		}
		b.Host, b.RemoteAddr = "", ""
		next.ServeHTTP(w, b)
	})
}

func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("server: address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: %q", ErrNotLoopback, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// What "localhost" is, the resolver says.
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%w: %q is %s", ErrNotLoopback, address, l.Addr()), l.Close())
	}
	return limit(l, maxConns), nil
}

// GRPCAddr is where gRPC is served.
func (s *Server) GRPCAddr() string { return s.grpcAddr.Addr().String() }

// RESTAddr is where REST is served, empty where it is not.
func (s *Server) RESTAddr() string {
	if s.httpAddr == nil {
		return ""
	}
	return s.httpAddr.Addr().String()
}

// Serve serves until ctx ends, then lets calls under way finish for a few
// seconds. It returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.grpc.Serve(s.grpcAddr) }()
	if s.http != nil {
		go func() { failed <- s.http.Serve(s.httpAddr) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if s.http != nil {
		_ = s.http.Shutdown(drain) // a call that outlasts the drain is cut off below
	}
	done := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-drain.Done():
	}
	s.close()
	return err
}

func (s *Server) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.http != nil {
		_ = s.http.Close()
	}
	if s.grpc != nil {
		s.grpc.Stop()
	}
	for _, l := range []net.Listener{s.grpcAddr, s.httpAddr} {
		if l != nil {
			_ = l.Close()
		}
	}
}
