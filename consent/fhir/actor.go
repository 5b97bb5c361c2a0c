package fhir

import (
	"slices"
	"strings"
)

// actor is the name of a Reference: its literal reference or its identifier.
func (n node) actor() string {
	n.only("reference", "type", "identifier", "display")
	reference, identifier := n.get("reference"), n.get("identifier")
	switch {
	case reference.present() == identifier.present():
		n.fail(ErrAmbiguous, "exactly one of reference and identifier is read")
		return ""
	case reference.present():
		s := reference.text()
		if strings.ContainsAny(s, "#|?%@\\ \t\r\n") || strings.Contains(s, "/_history/") || len(s) > 512 {
			reference.fail(ErrValue, "a reference into the document, to a version, or not a URI in its plain form")
		}
		// Another spelling of one address would slip past a denial.
		_, path, _ := strings.Cut(strings.TrimRight(s, "/"), "://")
		for _, segment := range strings.Split(path, "/") {
			if path != "" && (segment == "" || segment == "." || segment == "..") {
				reference.fail(ErrValue, "an address with an empty or a dotted segment")
			}
		}
		return s
	}
	identifier.only("use", "type", "system", "value", "period", "assigner")
	system, value := identifier.get("system").need().text(), identifier.get("value").need().text()
	if strings.Contains(system, "|") || strings.Contains(value, "|") || len(system)+len(value) > 512 {
		identifier.fail(ErrValue, "a bar in it, or too long")
	}
	return system + "|" + value
}

// A name is an actor's name taken apart, in lower case and without what makes
// no difference.
type name struct {
	kind string // identifier, resource, relative, or the URI's scheme
	base string // system of an identifier, server of a resource
	sort string // type of a resource
	id   string // value, resource's id, or the whole address
}

func takeApart(s string) name {
	if system, value, ok := strings.Cut(s, "|"); ok {
		return name{kind: "identifier", base: system, id: strings.ToLower(value)}
	}
	kind, rest := "relative", strings.Trim(s, "/")
	if scheme, after, ok := strings.Cut(rest, ":"); ok {
		kind = strings.TrimSuffix(strings.ToLower(scheme), "s")
		host, path, _ := strings.Cut(strings.TrimPrefix(after, "//"), "/")
		host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
		rest = strings.TrimRight(strings.TrimSuffix(host, ".")+"/"+path, "/")
	}
	parts := strings.Split(rest, "/")
	if n := len(parts); n > 1 && parts[n-2] != "" && 'A' <= parts[n-2][0] && parts[n-2][0] <= 'Z' {
		return name{"resource", strings.ToLower(strings.Join(parts[:n-2], "/")), strings.ToLower(parts[n-2]), strings.ToLower(parts[n-1])}
	}
	return name{kind: kind, id: strings.ToLower(rest)}
}

// sameActor tells whether two names may mean one recipient, and whether that
// can be told. It can be told of two plain addresses, of two values in one
// system of identifiers, and of two resources of one type on one server, unless
// they stand for their members. Whatever else differs may be a second name of
// the same. A relative reference equals every absolute one that ends in it.
func sameActor(first, second string) (same, sure bool) {
	a, b := takeApart(first), takeApart(second)
	if a == b {
		return true, true
	}
	if a.kind != b.kind {
		return false, false
	}
	switch a.kind {
	case "identifier":
		return false, a.base == b.base
	case "resource":
		if a.sort != b.sort || slices.Contains([]string{"group", "careteam"}, a.sort) {
			return false, false
		}
		if a.id == b.id && (a.base == "" || b.base == "") {
			return true, true
		}
		return false, a.base == b.base
	}
	return false, true
}
