package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// ErrNotAListener means that the manager passed a descriptor which is no
// listening stream socket: the socket unit is wrong (ListenDatagram,
// Accept=yes), and serving on part of what was asked would hide it.
var ErrNotAListener = errors.New("the service manager passed something that is not a listening socket")

// Listeners returns the sockets the manager opened and listens on for this
// process, by their FileDescriptorName; an empty map when there is none. They
// stay open over a restart of the service, so callers wait instead of being
// refused. It takes the descriptors from the environment: a second call
// returns an empty map, and children do not inherit them.
// Source: sd_listen_fds(3).
func Listeners() (map[string][]net.Listener, error) {
	listeners := make(map[string][]net.Listener)
	var bad error
	for _, file := range activation.Files(true) {
		l, err := listener(file)
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		listeners[file.Name()] = append(listeners[file.Name()], l)
	}
	if bad == nil {
		return listeners, nil
	}
	for _, named := range listeners {
		for _, l := range named {
			bad = errors.Join(bad, l.Close())
		}
	}
	return nil, bad
}

// listener turns a descriptor into a listener and closes the original, of
// which net keeps a duplicate.
func listener(file *os.File) (l net.Listener, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	l, err = net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("taking over socket %q: %w: %w", file.Name(), ErrNotAListener, err)
	}
	return l, nil
}
