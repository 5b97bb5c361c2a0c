package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
)

// An insurer's program asks, decides, and hears of withdrawals.
func Example() {
	ctx := context.Background()
	conn, err := client.Dial(client.Config{
		Addresses: []string{"https://a.verifier.example.org:7300", "https://b.verifier.example.org:7300"},
		CertFile:  "claims.pem", KeyFile: "claims.key",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	v := client.NewVerifier(conn)

	request, err := v.CreateRequest(ctx, client.Asking{Policy: "claims", Context: "claim 2026-0001"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("https://verifier.example.org/v1/requests/%x\n", request.Request.ID)

	verdict, err := v.Verify(ctx, presentation())
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Unreachable():
		fmt.Println("no decision; send it again later")
	case err == nil && verdict.Accepted:
		fmt.Println("rely on it until", verdict.Until)
	}

	var position uint64 // where this program was when it ended
	err = v.Withdrawals(ctx, position, func(n client.News) error {
		for _, w := range n.Withdrawn {
			fmt.Printf("stop using what came because of %x\n", w.RequestID)
		}
		position = n.Position // and keep it
		return nil
	})
	log.Fatal(err)
}

// A wallet fetches a request and answers it as nobody in particular, whoever
// makes its proof.
func ExampleVisitor() {
	ctx := context.Background()
	visitor, err := client.NewVisitor(client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	request, err := visitor.Request(ctx, "https://verifier.example.org/v1/requests/00112233445566778899aabbccddeeff")
	if err != nil {
		log.Fatal(err)
	}
	var answer *consent.Presentation // from the wallet, when the patient has agreed
	verdict, err := visitor.Present(ctx, request.Request.Return, answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(verdict)
}
