package server

import (
	"errors"
	"fmt"
	"net"
)

var (
	// ErrNotLoopback reports an address that others than this machine can reach,
	// for what only this machine may.
	ErrNotLoopback = errors.New("server: without TLS, and for the operator, loopback addresses only are served")

	// ErrNoGuard reports a server with TLS that would let everybody call
	// everything.
	ErrNoGuard = errors.New("server: TLS without a guard")
)

// listen binds an address, which must be a loopback one unless open.
func listen(address string, open bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("server: address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); !open && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: %q", ErrNotLoopback, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// What "localhost" is, the resolver says.
	if a, ok := l.Addr().(*net.TCPAddr); !open && (!ok || !a.IP.IsLoopback()) {
		return nil, errors.Join(fmt.Errorf("%w: %q is %s", ErrNotLoopback, address, l.Addr()), l.Close())
	}
	return l, nil
}
