package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
)

// createAt has a service make a request, and writes it.
func (a *app) createAt(ctx context.Context, asked client.Asking, out string) error {
	return a.verifierAt(func(v *client.Verifier) error {
		r, err := v.CreateRequest(ctx, asked)
		if err != nil {
			return err
		}
		return a.emitRequest(r, out)
	})
}

// emitRequest writes a request into a file and says which one it is.
func (a *app) emitRequest(r *consent.SignedRequest, out string) error {
	message := r.Encode()
	if err := a.writeMessage("signed-request", out, message); err != nil {
		return err
	}
	view := map[string]any{"id": hex.EncodeToString(r.Request.ID[:]), "circuit": r.Request.Circuit, "expires": instant(r.Request.Expires), "bytes": len(message), "file": out}
	return a.emit(view, func(w io.Writer) {
		fmt.Fprintf(w, "request %s written to %s; it can be answered until %s\n", view["id"], out, view["expires"])
	})
}
