package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ErrNotLoopback reports an address to which plaintext would leave the machine.
var ErrNotLoopback = errors.New("client: plaintext goes to loopback addresses only; use https://")

// An address is one replica of a service.
type address struct {
	text string // as it was given
	host string // host:port
	tls  bool
}

// parseAddress reads host:port, https://host:port and http://host:port. Where
// there is a scheme there may be a port that goes with it.
func parseAddress(text string) (address, error) {
	a := address{text: text, host: text}
	scheme, rest, named := strings.Cut(text, "://")
	if named {
		u, err := url.Parse(text)
		if err != nil || scheme != "https" && scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || u.Host == "" {
			return a, fmt.Errorf("client: address %q is neither host:port nor https://host:port", text)
		}
		a.host = strings.TrimRight(rest, "/")
		if u.Port() == "" {
			a.host = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443", "http": "80"}[scheme])
		}
	}
	host, port, err := net.SplitHostPort(a.host)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || strings.ContainsAny(host, "/?#@ %\\") {
		return a, fmt.Errorf("client: address %q is neither host:port nor https://host:port", text)
	}
	local := loopback(host)
	a.tls = scheme == "https" && named || !named && !local
	if !a.tls && !local {
		return a, fmt.Errorf("%w: %q", ErrNotLoopback, text)
	}
	return a, nil
}

// loopback tells whether a host is this machine by its name.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dialLoopback connects to an address that is on the loopback interface in
// truth: what "localhost" is, the resolver says.
func dialLoopback(ctx context.Context, host string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%w: %q is %s", ErrNotLoopback, host, c.RemoteAddr()), c.Close())
	}
	return c, nil
}
