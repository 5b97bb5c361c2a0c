// Package server runs gRPC services with a REST face beside them: listeners,
// TLS, who is let in, limits, health, and an orderly end (docs/spec.md §8,
// docs/authorization.md).
//
// # Caveats
//
// Without TLS it refuses to listen anywhere but on the loopback interface: what
// a wallet reads, and when, must not be open to whoever shares its network. A
// connection may live for an hour, and a client's authority that is taken out
// of the files is trusted on it for as long.
package server

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// The limits of every connection.
const (
	// MaxMessage bounds a message in bytes: the largest transaction is a batch
	// of 4,096 sealed records, about 0.3 MiB.
	MaxMessage = 1 << 20

	maxBody       = 3 * MaxMessage / 2 // a message in base64, and its frame
	maxAnswer     = 8 << 20            // of a service to the REST face: a range of a log is larger than any request
	maxStreams    = 64
	streamWindow  = 64 << 10 // bytes that a caller sends before somebody reads them
	connWindow    = 256 << 10
	maxHeaders    = 16 << 10
	maxAge        = time.Hour
	ageGrace      = 5 * time.Minute
	idleTimeout   = 5 * time.Minute
	pingEvery     = 30 * time.Second // a caller that pings more often is cut off
	checkEvery    = time.Minute      // a connection that says nothing is asked whether it is there
	checkTimeout  = 20 * time.Second
	headerTimeout = 5 * time.Second
	bodyTimeout   = 15 * time.Second
	answerTimeout = 2 * time.Minute // of REST; longer than a client waits for a transaction
	drainTimeout  = 5 * time.Second
	farewell      = time.Second // for answers of calls that have ended
)

// A Server owns its two listeners.
type Server struct {
	outer  *grpc.Server // for outsiders
	inner  *grpc.Server // for the REST face; nil without one
	http   *http.Server
	inside *inside

	grpcListener, restListener *limited
	restSecure                 net.Listener // the latter, with TLS where there is

	gate   *gate
	health *health
	linger time.Duration
	drain  time.Duration
}

// New binds the listeners; [Server.Serve] serves them.
func New(ctx context.Context, c Config) (_ *Server, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = maxConns
	}
	if c.Drain == 0 {
		c.Drain = drainTimeout
	}
	if c.TLS != nil && c.Guard == nil {
		return nil, ErrNoGuard
	}
	s := &Server{gate: newGate(), health: newHealth(c.Ready, c.Logger), linger: c.Linger, drain: c.Drain}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	var secure *reloading
	if c.TLS != nil {
		if secure, err = newReloading(*c.TLS, c.Logger); err != nil {
			return nil, err
		}
	}
	bind := func(address string) (*limited, error) {
		l, err := listen(address, secure != nil)
		if err != nil {
			return nil, err
		}
		return limit(l, c.MaxConnections), nil
	}
	if s.grpcListener, err = bind(c.GRPC); err != nil {
		return nil, err
	}
	if c.REST != "" {
		if s.restListener, err = bind(c.REST); err != nil {
			return nil, err
		}
	}
	all := &calls{gate: s.gate, log: c.Logger, known: map[string]bool{}}
	s.serveGRPC(c, all, secure)
	if c.REST == "" {
		return s, nil
	}
	return s, s.serveREST(ctx, c, all, secure)
}

// serveGRPC makes the server for outsiders.
func (s *Server) serveGRPC(c Config, all *calls, secure *reloading) {
	r := newReceivers(s.grpcListener, c.Guard)
	options := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(headerTimeout),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleTimeout, MaxConnectionAge: maxAge, MaxConnectionAgeGrace: ageGrace, Time: checkEvery, Timeout: checkTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingEvery, PermitWithoutStream: true}),
		grpc.InTapHandle(r.tap),
		grpc.StatsHandler(r),
		//lint:ignore SA1019 what it is to be replaced by is one for the whole process, its clients among them
		grpc.RPCDecompressor(uncompressed{}),
	}
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure.config("h2"))))
	}
	s.outer = s.register(c, all, options, nil, nil)
	for service, info := range s.outer.GetServiceInfo() {
		s.health.services[service] = true
		for _, m := range info.Methods {
			all.known["/"+service+"/"+m.Name] = true
		}
	}
}

// register makes a gRPC server with the services, and all that their calls go
// through.
func (s *Server) register(c Config, all *calls, options []grpc.ServerOption, unary []grpc.UnaryServerInterceptor, stream []grpc.StreamServerInterceptor) *grpc.Server {
	unary, stream = append(unary, all.unary), append(stream, all.stream)
	if c.Guard != nil {
		unary, stream = append(unary, c.Guard.Unary()), append(stream, c.Guard.Stream())
	}
	options = append(options,
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.UnknownServiceHandler(notServed),
		grpc.ChainUnaryInterceptor(slices.Concat(unary, c.Unary)...),
		grpc.ChainStreamInterceptor(slices.Concat(stream, c.Stream)...),
	)
	g := grpc.NewServer(append(options, c.Options...)...)
	healthv1.RegisterHealthServer(g, s.health)
	for _, service := range c.Services {
		service.Register(g)
	}
	return g
}

// serveREST makes the REST face, and the server through which it calls.
func (s *Server) serveREST(ctx context.Context, c Config, all *calls, secure *reloading) (err error) {
	if s.inside, err = newInside(); err != nil {
		return err
	}
	s.inner = s.register(c, all, []grpc.ServerOption{grpc.MaxConcurrentStreams(uint32(c.MaxConnections) + 1)},
		[]grpc.UnaryServerInterceptor{s.inside.unary}, []grpc.StreamServerInterceptor{s.inside.stream})
	pages := map[string]http.Handler{"/healthz": http.HandlerFunc(alive), "/readyz": http.HandlerFunc(s.health.readyz)}
	for path, page := range c.Pages {
		pages[path] = page
	}
	f := newFace(s.inside, c, pages)
	for _, service := range c.Services {
		if service.Gateway == nil {
			continue
		}
		if err := service.Gateway(ctx, f.mux, s.inside.conn); err != nil {
			return err
		}
	}
	s.restSecure = s.restListener
	if secure != nil {
		s.restSecure = tls.NewListener(s.restListener, secure.config("http/1.1"))
	}
	// HTTP/1.1 alone: one connection is one call at a time, so that the bound of
	// connections is one of calls, and there are no streams to reset.
	only := &http.Protocols{}
	only.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           f.handler(),
		Protocols:         only,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          log.New(io.Discard, "", 0), // it tells addresses of callers
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if t, ok := conn.(*tls.Conn); ok {
				conn = t.NetConn()
			}
			return context.WithValue(ctx, placeKey{}, conn)
		},
	}
	return nil
}

// GRPCAddr is where gRPC is served.
func (s *Server) GRPCAddr() string { return s.grpcListener.Addr().String() }

// RESTAddr is where REST is served, empty where it is not.
func (s *Server) RESTAddr() string {
	if s.restListener == nil {
		return ""
	}
	return s.restListener.Addr().String()
}

// Connections are the open ones of each listener; a listener that is not there
// has none.
func (s *Server) Connections() (grpc, rest int) {
	if s.restListener != nil {
		rest = s.restListener.open()
	}
	return s.grpcListener.open(), rest
}

// Serve serves until ctx ends. Then it says that it is not ready, goes on for
// the time Linger, refuses new calls as UNAVAILABLE with the reason STOPPING,
// lets those under way finish for the time Drain, and returns nil.
func (s *Server) Serve(ctx context.Context) error {
	attended, leave := context.WithCancel(ctx)
	var attending sync.WaitGroup
	attending.Go(func() { s.health.attend(attended) })
	defer attending.Wait()
	defer leave()
	failed := make(chan error, 3)
	go func() { failed <- s.outer.Serve(s.grpcListener) }()
	if s.http != nil {
		go func() { failed <- s.inner.Serve(s.inside.listener) }()
		go func() { failed <- s.http.Serve(s.restSecure) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(s.health.stopping)
	if err == nil && s.linger > 0 {
		wait(time.After(s.linger), failed)
	}
	idle := s.gate.close()
	timer := time.NewTimer(s.drain)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
	s.part()
	s.close()
	return err
}

// wait waits for a time, or until a listener fails.
func wait(over <-chan time.Time, failed <-chan error) {
	select {
	case <-over:
	case <-failed:
	}
}

// part lets the answers of calls that have ended reach their callers.
func (s *Server) part() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if s.http != nil {
		_ = s.http.Shutdown(ctx) // what is not over is cut off by close
	}
	done := make(chan struct{})
	go func() { s.outer.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (s *Server) close() {
	if s.inside != nil && s.inside.conn != nil {
		_ = s.inside.conn.Close()
	}
	if s.http != nil {
		_ = s.http.Close()
	}
	for _, g := range []*grpc.Server{s.outer, s.inner} {
		if g != nil {
			g.Stop()
		}
	}
	if s.inside != nil {
		_ = s.inside.listener.Close()
	}
	for _, l := range []*limited{s.grpcListener, s.restListener} {
		if l != nil {
			_ = l.Close()
		}
	}
}
