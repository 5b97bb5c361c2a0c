// Package openapi is the services' description for programs and for people: the
// OpenAPI document that is generated from the protos, and a page that is made
// from the document (docs/api.md).
//
// # Caveats
//
// The page is served beside calls that carry patients' secrets, on the same
// origin. It has no script, takes nothing from elsewhere, and its policy lets
// the browser run and load nothing.
package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed zkconsent.swagger.json
var document []byte

//go:embed page.html
var page string

//go:embed page.css
var style string

// Document returns the OpenAPI document (version 2.0) as JSON.
func Document() []byte { return bytes.Clone(document) }

// JSON serves the document.
func JSON() http.Handler {
	return fixed(document, http.Header{
		"Content-Type":            {"application/json"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
	})
}

// Page serves the document as a page to read. It panics if the document that
// is compiled in cannot be rendered, which a test keeps from happening.
func Page() http.Handler {
	html, err := render()
	if err != nil {
		panic(err)
	}
	digest := sha256.Sum256([]byte(style))
	return fixed(html, http.Header{
		"Content-Type": {"text/html; charset=utf-8"},
		"Content-Security-Policy": {fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			base64.StdEncoding.EncodeToString(digest[:]))},
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Referrer-Policy":            {"no-referrer"},
	})
}

// fixed serves bytes that do not change while the process runs.
func fixed(body []byte, header http.Header) http.Handler {
	digest := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(digest[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(body) // a reader that went away
	})
}

// render makes the page.
func render() ([]byte, error) {
	var d doc
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	v, err := d.view()
	if err != nil {
		return nil, err
	}
	v.Style = template.CSS(style) // compiled in; its digest is in the policy
	t, err := template.New("page").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return out.Bytes(), nil
}
