package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"casemate/store/identity"
	"casemate/systemd"
)

// localConnections is how many may be open at once on the machine's own socket.
const localConnections = 32

// ServeLocal answers on l, a unix socket, as Serve does on TCP: the same addresses, rights, limits and
// words of refusal. The caller is who the kernel says has connected: root and the safe's own user are
// its administrators on the spot, everybody else is a stranger.
func (d *Door) ServeLocal(ctx context.Context, l net.Listener, next http.Handler) error {
	server := d.server(ctx, next)
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if v := visitorOf(c); v != nil {
			c = v.Conn
		}
		uid, err := systemd.PeerUID(c)
		return context.WithValue(ctx, peerKey{}, peer{uid, err})
	}
	return d.serve(ctx, newHouse(l, localConnections, 0), server)
}

type peerKey struct{}

// peer is who connected to the machine's own socket.
type peer struct {
	uid uint32
	err error
}

func (p peer) caller() (identity.Caller, error) {
	if p.err != nil {
		return identity.Caller{From: "local"}, fmt.Errorf("%w: %w", identity.ErrUnknownCaller, p.err)
	}
	if p.uid != 0 && int(p.uid) != os.Getuid() {
		return identity.Caller{From: fmt.Sprintf("uid %d", p.uid)}, fmt.Errorf("%w: user %d of this machine", identity.ErrUnknownCaller, p.uid)
	}
	return identity.Local(p.uid), nil
}
