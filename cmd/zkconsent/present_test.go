package main

import (
	"testing"

	"github.com/zkconsent/zkconsent/consent"
)

// TestAttack_AnswerIntoThisMachine: a verifier elsewhere names an address on the
// patient's own machine, where other programs listen that trust whoever calls
// from there.
func TestAttack_AnswerIntoThisMachine(t *testing.T) {
	for _, c := range []struct {
		from, to string
		sent     bool
	}{
		{"https://insurer.example/v1/requests/1", "https://insurer.example/v1/presentations", true},
		{"https://insurer.example/v1/requests/1", "http://127.0.0.1:8080/v1/presentations", false},
		{"https://insurer.example/v1/requests/1", "https://localhost/x", false},
		{"https://insurer.example/v1/requests/1", "http://[::1]:631/jobs", false},
		{"http://127.0.0.1:9090/v1/requests/1", "http://127.0.0.1:9090/v1/presentations", true},
		{"request.bin", "http://127.0.0.1:9090/v1/presentations", true}, // of whoever put the file there
		{"request.bin", "javascript:alert(1)", false},
		{"request.bin", "", false},
	} {
		r := &consent.SignedRequest{Request: &consent.Request{Return: c.to}}
		if err := presentable(r, c.from); (err == nil) != c.sent {
			t.Errorf("from %q to %q: %v", c.from, c.to, err)
		}
	}
}
