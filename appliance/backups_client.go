package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"casemate/appliance/backup"
	"casemate/appliance/client"
	"casemate/store"
)

// running is the safe that runs on this machine, asked through its control socket. It is what a backup is
// taken of.
type running struct {
	http  *http.Client
	begun *answered // Begin's answer, which goes on behind the records
}

var _ backup.Safe = (*running)(nil)

func newRunning(socket string) *running {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &running{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

func (s *running) close() { s.http.CloseIdleConnections() }

// post sends one request; an answer that is none of success is an error with its sentinel.
func (s *running) post(ctx context.Context, path string, in any) (*http.Response, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // read to the end
	said, err := io.ReadAll(io.LimitReader(res.Body, maxLocalBody))
	if err != nil {
		return nil, err
	}
	var no localRefusal
	if json.Unmarshal(said, &no) == nil && no.Error != "" {
		return nil, no.err()
	}
	return nil, fmt.Errorf("the safe answered %s: %.300s", res.Status, said)
}

// refused is an error that the safe sent: it has its words and is its sentinel.
type refused struct {
	said string
	is   error
}

func (r refused) Error() string { return r.said }
func (r refused) Unwrap() error { return r.is }

func (r localRefusal) err() error {
	for _, known := range codes {
		if known.code == r.Code {
			return refused{r.Error, known.err}
		}
	}
	return errors.New(r.Error)
}

func (s *running) call(ctx context.Context, path string, in, out any) error {
	res, err := s.post(ctx, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read
	return json.NewDecoder(io.LimitReader(res.Body, maxLocalBody)).Decode(out)
}

// Knows asks what a manifest is to the safe.
func (s *running) Knows(ctx context.Context, manifest []byte) (backup.Standing, error) {
	var k known
	err := s.call(ctx, pathKnown, known{Manifest: manifest}, &k)
	return k.Standing, err
}

// Begin gives the records. The answer goes on behind them until the safe has taken the end.
func (s *running) Begin(ctx context.Context, r backup.Request) (io.ReadCloser, error) {
	res, err := s.post(ctx, pathBackup, r) //nolint:bodyclose // whoever reads the records closes it
	if err != nil {
		return nil, err
	}
	s.begun = &answered{res.Body}
	return s.begun, nil
}

// answered is Begin's answer.
type answered struct {
	body io.ReadCloser
}

// Read tells an answer that breaks off for what it is: the safe gave up, or is gone.
func (a *answered) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it broke off, and its log says why", client.ErrUnreachable)
	}
	return n, err
}

func (a *answered) Close() error { return a.body.Close() }

// Seal has the safe sign the manifest.
func (s *running) Seal(ctx context.Context, m backup.Manifest) (backup.Manifest, error) {
	var out backup.Manifest
	err := s.call(ctx, pathBackupSeal, m, &out)
	return out, err
}

// End tells the safe how it ended, and waits until it has journaled that.
func (s *running) End(ctx context.Context, id string, e backup.Ended) error {
	if err := s.call(ctx, pathBackupEnd, backupEnd{id, e}, &struct{}{}); err != nil {
		return fmt.Errorf("telling the safe that it ended: %w", err)
	}
	if e.Failed != "" || s.begun == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, s.begun); err != nil {
		return fmt.Errorf("the backup is whole, but the safe did not journal its end: %w", err)
	}
	return nil
}

// drill opens a drill; the function ends it, and gives how the safe took it.
func (s *running) drill(ctx context.Context, medium string) (end func(context.Context, store.Drilled, store.Held) error, err error) {
	res, err := s.post(ctx, pathDrill, backup.Request{Medium: medium}) //nolint:bodyclose // the function given back closes it
	if err != nil {
		return nil, err
	}
	in := json.NewDecoder(res.Body)
	var began drillEnd
	if err := in.Decode(&began); err != nil {
		_ = res.Body.Close() // it broke off
		return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	return func(ctx context.Context, d store.Drilled, h store.Held) error {
		defer res.Body.Close() //nolint:errcheck // the end was read
		if err := s.call(ctx, pathDrillEnd, drillEnd{began.ID, d, h}, &struct{}{}); err != nil {
			return err
		}
		var said localRefusal
		if err := in.Decode(&said); err != nil {
			return fmt.Errorf("%w: the drill's end was not journaled: %w", client.ErrUnreachable, err)
		}
		if said.Error != "" {
			return said.err()
		}
		return nil
	}, nil
}

// BackupsOf asks the running safe what it remembers of its backups.
func BackupsOf(ctx context.Context, cfg Config) (out store.Backups, err error) {
	s := newRunning(cfg.ControlSocket())
	defer s.close()
	err = s.call(ctx, pathBackups, struct{}{}, &out)
	return out, err
}
