// Package postgrestest runs a throw-away PostgreSQL for tests, of the machine's
// own packages: one server for a test binary, a fresh database for each test,
// and servers of their own for tests that kill them.
//
// A server has its own folder, in memory where there is room, and listens on a
// Unix socket in it, nowhere else. It flushes like a real one. A watcher stops it and
// removes its folder when the test binary is gone, however that went: nothing
// has to be closed. PostgreSQL refuses to run as root; for root it runs as the
// user postgres or nobody.
//
// A machine without PostgreSQL skips the tests that ask for one, and says which
// package brings it.
package postgrestest
