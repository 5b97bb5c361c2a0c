package server

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/zkconsent/zkconsent/internal/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// inside is the way from the REST face to the services: a connection through
// memory, which has no address that anybody could dial, to a gRPC server of its
// own. Only there does the metadata callerKey mean something, so that what an
// outsider writes under that name is a header like any other.
type inside struct {
	listener *bufconn.Listener
	conn     *grpc.ClientConn

	mu      sync.Mutex
	last    uint64
	callers map[string]identity.Origin // of the calls under way
}

// callerKey carries the number of a REST call, by which its origin is found.
const callerKey = "zkconsent-caller"

// pipeSize is how many bytes are on their way at most, in each direction.
const pipeSize = 256 << 10

func newInside() (*inside, error) {
	i := &inside{listener: bufconn.Listen(pipeSize), callers: map[string]identity.Origin{}}
	var err error
	i.conn, err = grpc.NewClient("passthrough:///inside",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return i.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	return i, err
}

// begin keeps the origin of a REST call until end is called.
func (i *inside) begin(o identity.Origin) (caller string, end func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	caller = strconv.FormatUint(i.last, 10)
	i.callers[caller] = o
	return caller, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.callers, caller)
	}
}

// origin gives a call the origin of the REST call that makes it, and takes the
// number off it.
func (i *inside) origin(ctx context.Context) (context.Context, error) {
	m, _ := metadata.FromIncomingContext(ctx)
	m = m.Copy()
	numbers := m.Get(callerKey)
	m.Delete(callerKey)
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(numbers) != 1 {
		return nil, status.Error(codes.Internal, "a call from nowhere")
	}
	o, ok := i.callers[numbers[0]]
	if !ok {
		return nil, status.Error(codes.Canceled, "its caller has gone")
	}
	// Who shares places out looks at the connection: this one is the caller's.
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(o.Address, 0))})
	return metadata.NewIncomingContext(identity.WithOrigin(ctx, o), m), nil
}

func (i *inside) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := i.origin(ctx)
	if err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

func (i *inside) stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := i.origin(stream.Context())
	if err != nil {
		return err
	}
	return handler(service, &within{stream, ctx})
}

// within is a stream with another context.
type within struct {
	grpc.ServerStream
	ctx context.Context
}

func (w *within) Context() context.Context { return w.ctx }
