package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
)

// maxNodes bounds the nodes that one command line names.
const maxNodes = 16

// nodes are the ledger nodes that a party reads, one or several: from one of
// them it takes what it needs, and it holds the others against it.
type nodes struct {
	light.Source
	remotes []*wire.Remote
}

// reach prepares one node, without asking it anything yet; ca, if not empty, is
// a file with who may vouch for it. It is not told who reads: neither a
// certificate nor a token goes to it.
func reach(address, ca string, attempts int) (*wire.Remote, error) {
	conn, err := client.Dial(client.Config{Addresses: []string{address}, CAFile: ca, Attempts: attempts})
	if err != nil {
		return nil, err
	}
	return wire.NewRemote(conn), nil
}

// dial prepares the nodes of --node, without asking them anything yet. ca is as
// in reach.
func dial(addresses, ca string) (*nodes, error) {
	if addresses == "" {
		return nil, errors.New("which node? name its address with --node HOST:PORT or $ZKCONSENT_NODE")
	}
	list := strings.Split(addresses, ",")
	if len(list) > maxNodes {
		return nil, misuse("--node: %d nodes, at most %d are read", len(list), maxNodes)
	}
	attempts := 3
	if len(list) > 1 {
		attempts = 1 // the next one is asked instead
	}
	n := &nodes{}
	var sources []light.Source
	for i, address := range list {
		address = strings.TrimSpace(address)
		// One node under two names would be held against itself.
		if list[i] = address; address == "" || slices.Contains(list[:i], address) {
			return nil, errors.Join(misuse("--node %q: the addresses of different nodes, with commas between", addresses), n.Close())
		}
		r, err := reach(address, ca, attempts)
		if err != nil {
			return nil, errors.Join(err, n.Close())
		}
		n.remotes, sources = append(n.remotes, r), append(sources, r)
	}
	if len(sources) == 1 {
		n.Source = sources[0]
		return n, nil
	}
	several, err := light.NewFailover(sources...)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Source = several
	return n, nil
}

// Close ends the connections.
func (n *nodes) Close() (err error) {
	for _, r := range n.remotes {
		err = errors.Join(err, r.Close())
	}
	return err
}

// trustedFile, if it is in a party's folder, is a head that somebody whom the
// party trusts has verified: from there it goes on when it was away for longer
// than the ledger's trust period.
const trustedFile = "trusted-head.zkc"

// trusted reads that head, or the one that this party has verified for other
// purposes if it is newer: no node leads it back behind either. It is nil where
// there is none.
func (a *app) trusted(other string) ([]byte, error) {
	named, err := a.readMessage("checkpoint", a.path(trustedFile), directory.MaxEncodedHead)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	own, err := light.HeadIn(other)
	if named == nil || own == nil || err != nil {
		return append(named, own...), err // one of them at most
	}
	n, err := directory.DecodeHead(named)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path(trustedFile), err)
	}
	if o, err := directory.DecodeHead(own); err != nil || o.Height >= n.Height {
		return own, err
	}
	return named, nil
}

// away tells a party that was away for too long what to do.
func (a *app) away(err error) error {
	if !errors.Is(err, light.ErrTrustExpired) {
		return err
	}
	return &exit{exitUndecided, fmt.Errorf("%w; they write it with: zkconsent registry head --out %s; put it into %s", err, trustedFile, a.home+string(os.PathSeparator))}
}
