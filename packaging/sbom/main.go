// Command sbom writes what a program is made of: a CycloneDX bill of materials (JSON) and, with
// --notices, the licences of the modules in it, which must travel with the binary.
//
//	sbom --name casemate-appliance --version 0.1.0 --out FILE [--notices FILE] BINARY
//
// Nothing is declared by hand. The Go modules are those the linker wrote into the binary
// (debug/buildinfo), the Debian packages those that own the libraries the dynamic linker would load
// (ldd, dpkg-query) on the machine that builds. The time is SOURCE_DATE_EPOCH, the serial number
// comes from the binary's digest: the same binary has the same bill.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	var r request
	flag.StringVar(&r.Name, "name", "", "the package the bill is of")
	flag.StringVar(&r.Version, "version", "", "its version")
	out := flag.String("out", "", "the bill, JSON")
	notices := flag.String("notices", "", "the licences of the modules, text")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, r, *out, *notices)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom: error:", err)
		os.Exit(1)
	}
}

// run reads the binary and writes both files; the bill is read back and held against the binary.
func run(ctx context.Context, r request, out, notices string) error {
	if r.Name == "" || r.Version == "" || out == "" || flag.NArg() != 1 {
		return errors.New("usage: sbom --name NAME --version VERSION --out FILE [--notices FILE] BINARY")
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	r.Time = time.Unix(epoch, 0).UTC()
	p, err := inspect(ctx, flag.Arg(0))
	if err != nil {
		return err
	}
	if err := writeBill(out, r, p); err != nil {
		return err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if err := check(text, p); err != nil {
		return err
	}
	if notices == "" {
		return nil
	}
	return writeNotices(ctx, notices, p.Modules)
}
