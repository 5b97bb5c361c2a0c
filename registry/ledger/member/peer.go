package member

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The bounds of addresses and of lists of them.
const (
	MaxAddress = 260 // bytes: a host name has at most 253
	MaxPeers   = 256
)

// ErrPeer reports what is no address of a node.
var ErrPeer = errors.New("member: a node's address is ID@HOST:PORT, the id of 40 hexadecimal digits")

// A NodeID names a node to others: the first 20 bytes of the SHA-256 of its
// node key.
type NodeID [20]byte

func (id NodeID) String() string { return hex.EncodeToString(id[:]) }

// ParseNodeID reads 40 hexadecimal digits in lower case.
func ParseNodeID(s string) (id NodeID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return id, fmt.Errorf("%w: the id %q", ErrPeer, s)
	}
	copy(id[:], b)
	return id, nil
}

// A Peer is where a node is reached. Whoever answers there must prove that it
// has the node key.
type Peer struct {
	ID      NodeID
	Address string // host:port
}

func (p Peer) String() string { return p.ID.String() + "@" + p.Address }

// ParsePeer reads id@host:port.
func ParsePeer(s string) (p Peer, err error) {
	id, address, ok := strings.Cut(s, "@")
	if !ok {
		return p, fmt.Errorf("%w: %q", ErrPeer, s)
	}
	if p.ID, err = ParseNodeID(id); err != nil {
		return p, err
	}
	p.Address = address
	return p, checkAddress(address)
}

// ParsePeers reads a list of peers: one to a line, lines that are empty or
// begin with # aside. A node that stands there twice is refused.
func ParsePeers(text string) (peers []Peer, err error) {
	known := map[NodeID]bool{}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := ParsePeer(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case known[p.ID]:
			return nil, fmt.Errorf("line %d: %w: node %s stands there twice", n, ErrPeer, p.ID)
		case len(peers) == MaxPeers:
			return nil, fmt.Errorf("line %d: %w: more than %d peers", n, ErrPeer, MaxPeers)
		}
		known[p.ID] = true
		peers = append(peers, p)
	}
	return peers, nil
}

// checkAddress takes host:port with a host name, an IPv4 address or an IPv6
// address in brackets, and a port that others can name.
func checkAddress(s string) error {
	host, port, ok := cutPort(s)
	if n, err := strconv.ParseUint(port, 10, 16); !ok || len(s) > MaxAddress || err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%w: the address %q", ErrPeer, s)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		return fmt.Errorf("%w: nobody can reach %q; name the address that others see", ErrPeer, s)
	} else if err == nil {
		return nil
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return fmt.Errorf("%w: the host of %q", ErrPeer, s)
		}
	}
	return nil
}

// cutPort splits host:port; an IPv6 host stands in brackets.
func cutPort(s string) (host, port string, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 1 {
		return "", "", false
	}
	host, port = s[:at], s[at+1:]
	if inner, v6 := strings.CutPrefix(host, "["); v6 {
		inner, closed := strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return inner, port, closed && err == nil && a.Is6() && a.Zone() == ""
	}
	return host, port, !strings.Contains(host, ":")
}
