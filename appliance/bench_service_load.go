package appliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// idlers opens connections over TLS, asks one question on each, and holds them: what a process of serve has
// open and in memory before, with and after them.
func (b *benchService) idlers(ctx context.Context, s *service, n int) error {
	tell := func(when string) {
		pid := s.cmd.Process.Pid
		b.line(BenchLine{Case: fmt.Sprintf("%d documents: memory of serve %s", n, when), Unit: "MiB", Value: float64(resident(pid)) / mebi})
		b.line(BenchLine{Case: fmt.Sprintf("%d documents: open files of serve %s", n, when), Unit: "files", Value: float64(descriptors(pid))})
	}
	certificate, key := b.pair("reader")
	roots, pair, err := client.LoadCredentials(b.in("access.pem"), certificate, key)
	if err != nil {
		return err
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	before := descriptors(s.cmd.Process.Pid)
	tell("before any caller")
	held := make([]*tls.Conn, b.opt.Idle)
	errs := make([]error, len(held))
	var wg sync.WaitGroup
	next := make(chan int)
	begin := clock()
	for range 16 {
		wg.Go(func() {
			for i := range next {
				held[i], errs[i] = b.holdOne(ctx, config)
			}
		})
	}
	for i := range held {
		next <- i
	}
	close(next)
	wg.Wait()
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: %d connections and a question on each", n, len(held)), Unit: "s", Value: since(begin)})
	tell(fmt.Sprintf("with %d idle connections", len(held)))
	for _, c := range held {
		if c != nil {
			_ = c.Close() // only held
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// Some stay: connections to the token's process, which many handshakes at once have opened.
	for end := clock().Add(time.Minute); descriptors(s.cmd.Process.Pid) > before+64 && clock().Before(end); {
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	tell("after they left")
	return nil
}

// holdOne connects, asks how the safe is, and keeps the connection.
func (b *benchService) holdOne(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	plain, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", b.config.HTTP.Listen)
	if err != nil {
		return nil, err
	}
	c := plain.(*tls.Conn) //nolint:forcetypeassert // what a tls.Dialer gives
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+b.config.HTTP.Listen+wire.Prefix+"/status", nil)
	if err != nil {
		return c, err
	}
	if err := request.Write(c); err != nil {
		return c, err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), request)
	if err != nil {
		return c, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		return c, fmt.Errorf("asking for the status: %d: %w", response.StatusCode, err)
	}
	return c, nil
}

var errLost = errors.New("an acknowledged document is not there after the stop")

// stopUnderLoad has some deposit without end, tells the service to stop, and looks for each document that was
// acknowledged when it serves again.
func (b *benchService) stopUnderLoad(ctx context.Context, s *service, n int) error {
	c, err := b.caller("depositor")
	if err != nil {
		return err
	}
	load, cancel := context.WithCancel(ctx)
	defer cancel()
	acknowledged := make([][]string, b.opt.Depositors)
	var wg sync.WaitGroup
	for i := range acknowledged {
		wg.Go(func() {
			for load.Err() == nil {
				body := someDocument()
				doc, err := c.Deposit(load, client.Deposit{Vault: "bench", Files: []client.File{{Name: "document.bin",
					Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}}})
				if err != nil {
					return // it is stopping
				}
				acknowledged[i] = append(acknowledged[i], doc.ID)
			}
		})
	}
	err = pauseFor(ctx, time.Duration(b.Seconds)*time.Second)
	took, stopped := s.stop()
	cancel()
	wg.Wait()
	c.Close()
	if err := errors.Join(err, stopped); err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: stop while %d deposit", n, b.opt.Depositors), Unit: "s", Value: took,
		Limit: "the longest that is wanted", Raw: 5, Wanted: "≤ 1.00"})
	return b.allThere(ctx, n, acknowledged)
}

// allThere starts the service once more and asks for each document.
func (b *benchService) allThere(ctx context.Context, n int, acknowledged [][]string) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.end()
	c, err := b.caller("reader")
	if err != nil {
		return err
	}
	defer c.Close()
	total := 0
	for _, list := range acknowledged {
		for _, id := range list {
			if _, err := c.Stat(ctx, id); err != nil {
				return fmt.Errorf("%w: %s: %w", errLost, id, err)
			}
			total++
		}
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: acknowledged until the stop, and there afterwards", n), Unit: "documents", Value: float64(total)})
	_, err = s.stop()
	return err
}

func (b *benchService) caller(name string) (*client.Client, error) {
	certificate, key := b.pair(name)
	roots, pair, err := client.LoadCredentials(b.in("access.pem"), certificate, key)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: "https://" + b.config.HTTP.Listen, Roots: roots, Certificate: pair})
}
