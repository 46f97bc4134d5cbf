package module

import (
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"
)

// sessions keeps sessions between operations of the miekg door. One in which
// anything failed is closed and never seen again: an abandoned operation stays
// active in it and the next user would get its error.
type sessions struct {
	p    *pkcs11.Ctx
	slot uint
	mu   sync.Mutex
	idle []pkcs11.SessionHandle
}

// with lends fn a session.
func (s *sessions) with(fn func(h pkcs11.SessionHandle) error) error {
	h, err := s.take()
	if err != nil {
		return err
	}
	if err := fn(h); err != nil {
		_ = s.p.CloseSession(h) // may be closed already: that is why it failed
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, h)
	return nil
}

func (s *sessions) take() (pkcs11.SessionHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		h := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return h, nil
	}
	h, err := s.p.OpenSession(s.slot, sessionFlags)
	if err != nil {
		return 0, fmt.Errorf("opening a session: %w", err)
	}
	return h, nil
}

func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.idle {
		_ = s.p.CloseSession(h)
	}
	s.idle = nil
}

// find gives the handles of at most limit objects with these attributes.
func find(p *pkcs11.Ctx, h pkcs11.SessionHandle, limit int, template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := p.FindObjectsInit(h, template); err != nil {
		return nil, fmt.Errorf("searching the token: %w", err)
	}
	var found []pkcs11.ObjectHandle
	for len(found) < limit {
		some, _, err := p.FindObjects(h, limit-len(found))
		if err != nil {
			return nil, fmt.Errorf("searching the token: %w", err)
		}
		if len(some) == 0 {
			break
		}
		found = append(found, some...)
	}
	if err := p.FindObjectsFinal(h); err != nil {
		return nil, fmt.Errorf("searching the token: %w", err)
	}
	return found, nil
}
