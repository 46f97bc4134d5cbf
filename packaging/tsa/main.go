// Command tsa is a demonstration timestamping authority: an HTTP responder
// (RFC 3161 3.4) in front of `openssl ts -reply`, which makes every token.
//
//	tsa --dir DIR [--listen 127.0.0.1:3161]
//
// It is real other software with a key of its own, in a process of its own,
// so that a demonstration and the tests of the safe judge tokens the safe had
// no hand in. It is no authority to rely on: its key lies in a file and its
// time is this machine's.
//
// On the first start it makes, with openssl, a root and a certificate for
// timestamps alone (keyUsage digitalSignature, critical extendedKeyUsage
// timeStamping), and destroys the root's key. Later starts use what is there.
//
//	DIR/tsa.pem            the root, for those who are to trust this authority
//	DIR/authority/         key, certificate, openssl's configuration
//	DIR/authority/serial   the last serial number used; openssl keeps it
//
// Any address answers POST with application/timestamp-query. Requests are
// answered one at a time, since openssl's serial file knows no locking, and
// may be 16 KiB at most. Once it serves it prints one line to standard output,
// "listening on http://ADDRESS". SIGTERM and SIGINT end it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "", "folder of the authority's key and certificate; made on the first start")
	listen := flag.String("listen", "127.0.0.1:3161", "address to answer on; port 0 takes a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *dir, *listen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tsa: error:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, dir, listen string) error {
	if dir == "" || flag.NArg() != 0 {
		return errors.New("usage: tsa --dir DIR [--listen ADDRESS]")
	}
	a, err := openAuthority(ctx, dir)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{
		Handler:           &responder{authority: a},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		// What is being answered may finish.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		ended <- server.Shutdown(last)
	}()
	fmt.Printf("listening on http://%s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-ended
}
