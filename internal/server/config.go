package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/zkconsent/zkconsent/internal/identity"
	"google.golang.org/grpc"
)

// A Config says where to listen, what to serve, and to whom.
type Config struct {
	GRPC string // host:port; port 0 takes any
	REST string // likewise; empty serves no REST

	// TLS encrypts both listeners. Without it they must be loopback addresses.
	TLS *TLS

	// Guard decides who may call what; required with TLS. Without it everybody
	// who reaches this machine's loopback interface may call everything.
	Guard *identity.Guard

	// Services are what is served, beside grpc.health.v1.
	Services []Service

	// Unary and Stream run after the guard's interceptors.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor

	// Options are added to those of the gRPC servers, such as a stats handler.
	Options []grpc.ServerOption

	// Pages are REST paths beside the services', such as /docs. They are open to
	// everybody.
	Pages map[string]http.Handler

	// Ready says why nothing can be served at present, nil when it can; behind
	// /readyz and the health service. It is asked often. Default: always ready.
	Ready func() error

	// Linger is how long it goes on serving after it said that it is not ready
	// any more, for those who send it calls to notice; default: no time.
	Linger time.Duration

	// Drain bounds the time in which calls under way may finish at the end;
	// default 5 s.
	Drain time.Duration

	// MaxConnections bounds the open connections of each listener; default 512.
	// When all places are taken, the connection that has been idle for longest
	// is closed for a new one.
	MaxConnections int

	// Logger takes method, code and duration of each call, and faults; default:
	// nothing is logged.
	Logger *slog.Logger
}

// A Service is one gRPC service with its REST face.
type Service struct {
	// Register adds the service. It is called twice where there is REST: for the
	// listener, and for the REST face's own connection, which nobody outside
	// reaches. Both times it registers the same value.
	Register func(*grpc.Server)

	// Gateway adds the REST face, which calls the service through conn; nil adds
	// none.
	Gateway func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error
}

// A TLS names files in PEM. They are looked at again at handshakes, at most
// once a second; files that cannot be used leave those before in force.
type TLS struct {
	CertFile string // the server's certificate and what leads to its root
	KeyFile  string

	// ClientCAFile holds the authorities of client certificates. A client that
	// shows one must hold one of these; default: client certificates are not
	// asked for.
	ClientCAFile string
}
