package consent

import (
	"crypto/ed25519"

	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A SignedRequest is a request as it travels: its bytes and its signer's
// signature over them (docs/spec.md §2.6).
type SignedRequest struct {
	Request   *Request
	Signature []byte
}

// SignRequest signs a request with the key of its signer.
func SignRequest(key ed25519.PrivateKey, r *Request) *SignedRequest {
	return &SignedRequest{r, signed.Sign(key, signed.Request, r.Encode())}
}

// Encode is the message of kind "signed-request".
func (s *SignedRequest) Encode() []byte {
	return encodeSigned("signed-request", s.Request.Encode(), s.Signature)
}

// DecodeSignedRequest reads a signed-request message. Its signature is checked
// by Validate, which knows the signer's key.
func DecodeSignedRequest(b []byte) (*SignedRequest, error) {
	message, signature, err := decodeSigned("signed-request", b, MaxRequest)
	if err != nil {
		return nil, err
	}
	r, err := DecodeRequest(message)
	if err != nil {
		return nil, err
	}
	return &SignedRequest{r, signature}, nil
}

// A SignedEnrolRequest is an enrol request as it travels.
type SignedEnrolRequest struct {
	Request   *EnrolRequest
	Signature []byte
}

// SignEnrolRequest signs an enrol request with the key of its issuer.
func SignEnrolRequest(key ed25519.PrivateKey, r *EnrolRequest) *SignedEnrolRequest {
	return &SignedEnrolRequest{r, signed.Sign(key, signed.EnrolRequest, r.Encode())}
}

// Encode is the message of kind "signed-enrol-request".
func (s *SignedEnrolRequest) Encode() []byte {
	return encodeSigned("signed-enrol-request", s.Request.Encode(), s.Signature)
}

// DecodeSignedEnrolRequest reads a signed-enrol-request message.
func DecodeSignedEnrolRequest(b []byte) (*SignedEnrolRequest, error) {
	message, signature, err := decodeSigned("signed-enrol-request", b, MaxMessage)
	if err != nil {
		return nil, err
	}
	r, err := DecodeEnrolRequest(message)
	if err != nil {
		return nil, err
	}
	return &SignedEnrolRequest{r, signature}, nil
}

func encodeSigned(kind string, message, signature []byte) []byte {
	e := tlv.NewEncoder(kind)
	e.Bytes(1, message)
	e.Bytes(2, signature)
	return e.Encoded()
}

func decodeSigned(kind string, b []byte, max int) (message, signature []byte, err error) {
	d := tlv.NewDecoder(kind, b, max+1024)
	message = d.Bytes(1, "message", 1, max)
	signature = d.Bytes(2, "signature", signed.Size, signed.Size)
	return message, signature, d.Done()
}
