package shares

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/peer"
)

// Neighbourhood is the addresses that count as one caller, one of IPv4 or a /56
// of IPv6: what a customer of a provider can choose among at will.
func Neighbourhood(a netip.Addr) string {
	bits := 32
	if a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "nowhere"
	}
	return p.String()
}

// Address is the IP address in host:port, invalid where there is none.
func Address(hostPort string) netip.Addr {
	if p, err := netip.ParseAddrPort(hostPort); err == nil {
		return p.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// Caller is the neighbourhood that a call comes from.
func Caller(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return Neighbourhood(Address(p.Addr.String()))
	}
	return Neighbourhood(netip.Addr{})
}
