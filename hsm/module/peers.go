package module

import (
	"net"
	"os"
	"slices"

	"casemate/systemd"
)

// peerListener lets in the process's own user, root and the users allowed. The
// socket's mode is the first gate; the kernel's word on who connected is the
// second.
type peerListener struct {
	net.Listener
	cfg   Config
	allow []uint32
}

func checkPeers(l net.Listener, cfg Config) net.Listener {
	return &peerListener{l, cfg, append([]uint32{0, uint32(os.Getuid())}, cfg.AllowUIDs...)}
}

func (l *peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := systemd.PeerUID(c)
		if err == nil && slices.Contains(l.allow, uid) {
			return c, nil
		}
		l.cfg.Log.Warn("refused a connection", "uid", uid, "error", err)
		_ = c.Close()
	}
}
