package wire

import (
	"context"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"google.golang.org/grpc"
)

// A Conn is a connection to a node, such as client.Dial makes.
type Conn interface {
	grpc.ClientConnInterface
	Name() string // for people: where it leads
	Close() error
}

// A Remote is a node in another process.
type Remote struct {
	conn Conn
	api  zkconsentv1.RegistryServiceClient
}

var (
	_ light.Source       = (*Remote)(nil)
	_ light.HeaderSource = (*Remote)(nil)
)

// NewRemote is the node at the other end of a connection, which is the remote's
// from then on. Nothing is asked yet.
//
// A node has no need to know who reads. A wallet's connection carries neither a
// certificate nor a token: either would tell the node when its holder reads.
func NewRemote(conn Conn) *Remote {
	return &Remote{conn, zkconsentv1.NewRegistryServiceClient(bounded{conn})}
}

// bounded is a connection over which answers may be as large as a node's are.
type bounded struct{ grpc.ClientConnInterface }

func (b bounded) Invoke(ctx context.Context, method string, request, answer any, options ...grpc.CallOption) error {
	// What a call says of itself stands behind, and holds.
	options = append([]grpc.CallOption{grpc.MaxCallRecvMsgSize(maxAnswer)}, options...)
	return b.ClientConnInterface.Invoke(ctx, method, request, answer, options...)
}

func (b bounded) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	options = append([]grpc.CallOption{grpc.MaxCallRecvMsgSize(maxAnswer)}, options...)
	return b.ClientConnInterface.NewStream(ctx, d, method, options...)
}
