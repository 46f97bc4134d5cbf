package timestamp

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/beevik/ntp"
)

// liar is an NTP server that says what it is told to, for what no honest
// server would say.
type liar struct {
	address string
	conn    net.PacketConn
	truth   func() time.Time
	mu      sync.Mutex
	offset  time.Duration
	stratum byte
	refID   uint32
	leap    byte
	silent  bool
}

// newLiar answers on an address of loopback, truthfully at first.
func newLiar(t *testing.T, ip string, truth func() time.Time) *liar {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{conn: conn, truth: truth, address: conn.LocalAddr().String(), stratum: 1, refID: 'G'<<24 | 'P'<<16 | 'S'<<8}
	done := make(chan struct{})
	go func() { defer close(done); l.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return l
}

func (l *liar) set(change func(*liar)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *liar) serve() {
	var query [512]byte
	for {
		n, from, err := l.conn.ReadFrom(query[:])
		if err != nil {
			return
		}
		if n < 48 {
			continue
		}
		l.mu.Lock()
		answer, silent := l.answer(query[:48]), l.silent
		l.mu.Unlock()
		if !silent {
			_, _ = l.conn.WriteTo(answer, from)
		}
	}
}

// answer is RFC 5905 7.3's packet.
func (l *liar) answer(query []byte) []byte {
	var p [48]byte
	p[0] = l.leap<<6 | query[0]&0x38 | 4
	p[1] = l.stratum
	p[2] = query[2]
	p[3] = 0xec                             // precision 2^-20 s
	binary.BigEndian.PutUint32(p[8:], 1<<6) // root dispersion 1 ms
	binary.BigEndian.PutUint32(p[4:], 1<<6) // root delay 1 ms
	binary.BigEndian.PutUint32(p[12:], l.refID)
	now := ntpTime(l.truth().Add(l.offset))
	binary.BigEndian.PutUint64(p[16:], now-1<<32) // reference time
	copy(p[24:32], query[40:48])
	binary.BigEndian.PutUint64(p[32:], now)
	binary.BigEndian.PutUint64(p[40:], ntpTime(l.truth().Add(l.offset)))
	return p[:]
}

func ntpTime(t time.Time) uint64 {
	const eras = 2208988800 // 1900 to 1970
	return uint64(t.Unix()+eras)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func answersNTP(server string) bool {
	r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: 200 * time.Millisecond})
	return err == nil && r.Validate() == nil
}
