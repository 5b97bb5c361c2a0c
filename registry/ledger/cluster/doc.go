// Package cluster has no code of its own. Its tests run the members of a
// consortium as processes on the loopback interface, break them and the links
// between them while clients write, and hold what is left against what was
// acknowledged (docs/spec.md §6.6, §6.7).
//
// A member is this package's test binary. Members reach each other through
// small relays of the test, one for each direction of a link; cutting a
// partition closes those that cross it. Clients hold no more of a member than
// its address.
package cluster
