package identity

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"

	"github.com/zkconsent/zkconsent/internal/shares"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// An Origin is all that a guard looks at to say who calls.
type Origin struct {
	// Certificate is the client's, with which it held the handshake and for
	// which one of the listener's authorities vouches; nil for none.
	Certificate *x509.Certificate
	// Authorization are the values of the header of that name, all of them.
	Authorization []string
	// Address is where the connection comes from.
	Address netip.Addr
	// Local tells that a program of this machine calls in plaintext and on its
	// own account: nothing says that it hands on somebody else's call.
	Local bool
}

type originKey struct{}

// WithOrigin returns a context for a call that comes from elsewhere than its
// connection says: the REST face calls its services through memory.
//
// Whoever can call this can be anybody. Nothing that a caller sent may decide
// over the Origin but as its fields say.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// originOf returns what a call's context says, or else its connection.
func originOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(originKey{}).(Origin); ok {
		return o
	}
	var o Origin
	m, _ := metadata.FromIncomingContext(ctx)
	o.Authorization = m.Get("authorization")
	p, ok := peer.FromContext(ctx)
	if !ok {
		return o
	}
	if p.Addr != nil {
		o.Address = AddressOf(p.Addr.String())
	}
	switch info := p.AuthInfo.(type) {
	case credentials.TLSInfo:
		if len(info.State.VerifiedChains) > 0 && len(info.State.VerifiedChains[0]) > 0 {
			o.Certificate = info.State.VerifiedChains[0][0]
		}
	default:
		has := func(name string) bool { return len(m.Get(name)) > 0 }
		o.Local = o.Address.IsLoopback() && !HandedOn(has) && !has("origin") && !has("sec-fetch-site")
	}
	return o
}

// HandedOn tells whether a call's headers say that a proxy of this machine hands
// on what somebody else calls.
func HandedOn(has func(name string) bool) bool {
	return slices.ContainsFunc([]string{
		"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Client-Cert",
		"X-Real-Ip", "X-Client-Ip", "X-Original-Forwarded-For", "True-Client-Ip", "Cf-Connecting-Ip", "X-Envoy-External-Address", "X-Envoy-Internal", "X-Grpc-Web",
	}, has)
}

// AddressOf is the IP address in host:port, invalid where there is none.
func AddressOf(hostPort string) netip.Addr {
	return shares.Address(hostPort)
}
