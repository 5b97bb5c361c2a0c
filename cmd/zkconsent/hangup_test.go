package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestAttack_CallersThatHangUp: a caller that closes its connection while it is
// answered makes the node's write fail, and ends nothing but that.
func TestAttack_CallersThatHangUp(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", "hangup.txtar")},
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"startnode": startNode, "setid": setID, "hangup": hangUp},
	})
}

// hangUp calls a REST address and hangs up before the answers are written, many
// times: hangup HOST:PORT PATH.
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	calls := strings.Repeat("GET "+args[1]+" HTTP/1.1\r\nHost: "+args[0]+"\r\n\r\n", 50)
	for range 40 {
		c, err := net.Dial("tcp", args[0])
		ts.Check(err)
		_, err = c.Write([]byte(calls))
		ts.Check(err)
		one := make([]byte, 1)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(one) // it has begun to answer
		ts.Check(err)
		ts.Check(c.(*net.TCPConn).SetLinger(0)) // the connection is reset
		ts.Check(c.Close())
	}
}
