// Command sbom writes what a program is made of: a CycloneDX bill of materials (JSON) and, with
// --notices, the licences of the modules in it, which must travel with the binary.
//
//	sbom --name casemate-appliance --version 0.1.0 --out FILE [--control FILE] [--notices FILE] BINARY
//
// Nothing is declared by hand. The Go modules are those the linker wrote into the binary
// (debug/buildinfo), the Debian packages those that own the libraries the dynamic linker would load
// (ldd, dpkg-query) on the machine that builds, and those the package's control file asks for. Terms are
// read in the licence file of each and named as SPDX does. The time is SOURCE_DATE_EPOCH, the serial
// number comes from the binary's digest: the same binary has the same bill. A bill that the official
// schema of CycloneDX does not take is an error.
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
	control := flag.String("control", "", "the control file of its Debian package")
	notices := flag.String("notices", "", "the licences of the modules, text")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, r, *out, *control, *notices)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom: error:", err)
		os.Exit(1)
	}
}

// run reads the binary and writes both files; the bill is read back, held against the schema and the binary.
func run(ctx context.Context, r request, out, control, notices string) error {
	if r.Name == "" || r.Version == "" || out == "" || flag.NArg() != 1 {
		return errors.New("usage: sbom --name NAME --version VERSION --out FILE [--control FILE] [--notices FILE] BINARY")
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	r.Time = time.Unix(epoch, 0).UTC()
	if control != "" {
		text, err := os.ReadFile(control) // #nosec G304 -- named by whoever builds
		if err != nil {
			return err
		}
		r.Needs = needs(text)
	}
	from, err := findSources(ctx)
	if err != nil {
		return err
	}
	o, err := loadOfficial(from)
	if err != nil {
		return err
	}
	p, err := inspect(ctx, flag.Arg(0), from)
	if err != nil {
		return err
	}
	if err := writeBill(out, r, p, o); err != nil {
		return err
	}
	text, err := os.ReadFile(out) // #nosec G304 -- as above
	if err != nil {
		return err
	}
	if err := check(text, p, o); err != nil || notices == "" {
		return err
	}
	return writeNotices(notices, p.Modules, from)
}
