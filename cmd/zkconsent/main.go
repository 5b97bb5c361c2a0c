// Command zkconsent proves and verifies consents without names: it is the
// wallet of a patient, the desk of an issuer, a registrar and a verifier, and
// a node of the ledger, one verb each.
//
// Exit status: 0 done or accepted, 1 failed, 2 wrong usage, 3 denied, 4 no
// decision (a service is unreachable, or the ledger's newest state is or is too
// old), 5 the wallet has nothing to present.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

// start runs the process's command line and returns its exit status.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends what can be ended cleanly; a second one is obeyed at once.
	context.AfterFunc(ctx, stop)
	// A reader that goes away ends a verb too, and what the verb put into
	// temporary folders is removed. The signal that tells of it is taken and
	// dropped: it comes for every connection that a caller has closed as well,
	// and would let any of them end a node.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, unread := context.WithCancel(ctx)
	defer unread()
	return run(ctx, os.Args[1:], os.Stdin, &heard{os.Stdout, unread}, os.Stderr)
}

// heard is an output that notices when nobody reads it any more.
type heard struct {
	io.Writer
	unread func()
}

func (h *heard) Write(b []byte) (int, error) {
	n, err := h.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		h.unread()
	}
	return n, err
}
