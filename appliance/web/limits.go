package web

import "time"

// Limits bounds what a peer can hold. A zero field means that of [DefaultLimits].
type Limits struct {
	Connections int           // open at once on one listener; see house for whoever comes then
	HeaderBytes int           // of one request
	Header      time.Duration // for the TLS handshake, and for the head of a request
	Idle        time.Duration // between two requests of a connection
	Progress    time.Duration // for one read of a body to bring something, one write to be taken
	Grace       time.Duration // for a slow body: MinRate holds from then on
	MinRate     int64         // bytes a second, on average over the time spent waiting for the peer
	Gather      time.Duration // over which refusals of strangers are gathered
	Stop        time.Duration // for requests under way when the safe stops
}

// DefaultLimits let a modem deposit for days and hold nobody else up.
func DefaultLimits() Limits {
	return Limits{
		Connections: 1024,
		HeaderBytes: 16 << 10,
		Header:      10 * time.Second,
		Idle:        90 * time.Second,
		Progress:    30 * time.Second,
		Grace:       time.Minute,
		MinRate:     512,
		Gather:      time.Minute,
		Stop:        20 * time.Second,
	}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, field := range []struct{ have, otherwise *time.Duration }{
		{&l.Header, &d.Header}, {&l.Idle, &d.Idle}, {&l.Progress, &d.Progress},
		{&l.Grace, &d.Grace}, {&l.Gather, &d.Gather}, {&l.Stop, &d.Stop},
	} {
		if *field.have == 0 {
			*field.have = *field.otherwise
		}
	}
	if l.Connections == 0 {
		l.Connections = d.Connections
	}
	if l.HeaderBytes == 0 {
		l.HeaderBytes = d.HeaderBytes
	}
	if l.MinRate == 0 {
		l.MinRate = d.MinRate
	}
	return l
}
