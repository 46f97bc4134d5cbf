package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// policy is the sample policy of openssl's own manual, ts(1).
const policy = "1.2.3.4.1"

// authority is the folder openssl works in.
type authority struct{ dir string }

// steps make the authority, run by openssl in its folder.
var steps = []string{
	"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out root.key",
	"req -x509 -new -config openssl.cnf -extensions root -key root.key -sha384 -days 7300 -subj /O=Casemate-demonstration/CN=Demonstration-timestamping-root -out root.pem",
	"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out tsa.key",
	"req -new -config openssl.cnf -key tsa.key -subj /O=Casemate-demonstration/CN=Demonstration-timestamping-authority -out tsa.csr",
	"x509 -req -in tsa.csr -CA root.pem -CAkey root.key -sha384 -days 3650 -extfile openssl.cnf -extensions tsa_cert -out tsa.crt",
}

// configuration is openssl's. The paths are relative: openssl runs in the
// folder, and the folder may be moved.
const configuration = `# Written by Casemate's demonstration timestamping authority.
[req]
distinguished_name = subject
prompt = no
[subject]
[root]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa_cert]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
serial = serial
signer_cert = tsa.crt
signer_key = tsa.key
signer_digest = sha256
certs = root.pem
default_policy = ` + policy + `
digests = sha256, sha384, sha512
accuracy = secs:1
clock_precision_digits = 3
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// openAuthority makes the authority if it is not there. It is made beside its
// place and moved there whole, so a start that was cut off leaves nothing that
// looks finished. The root is published anew each time.
func openAuthority(ctx context.Context, dir string) (authority, error) {
	a := authority{dir: filepath.Join(dir, "authority")}
	if _, err := os.Stat(a.dir); errors.Is(err, os.ErrNotExist) {
		if err := create(ctx, dir, a.dir); err != nil {
			return authority{}, fmt.Errorf("making the authority: %w", err)
		}
	} else if err != nil {
		return authority{}, err
	}
	root, err := os.ReadFile(filepath.Join(a.dir, "root.pem"))
	if err != nil {
		return authority{}, fmt.Errorf("reading the root: %w", err)
	}
	temporary := filepath.Join(dir, ".tsa.pem")
	if err := os.WriteFile(temporary, root, 0o644); err != nil { // #nosec G306 -- public
		return authority{}, fmt.Errorf("publishing the root: %w", err)
	}
	if err := os.Rename(temporary, filepath.Join(dir, "tsa.pem")); err != nil {
		return authority{}, fmt.Errorf("publishing the root: %w", err)
	}
	return a, nil
}

func create(ctx context.Context, dir, place string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- others read tsa.pem there
		return err
	}
	work, err := os.MkdirTemp(dir, "authority.new-")
	if err != nil {
		return err
	}
	err = fill(ctx, work)
	if err == nil {
		err = os.Rename(work, place)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	return nil
}

func fill(ctx context.Context, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte(configuration), 0o600); err != nil {
		return err
	}
	for _, step := range steps {
		if _, err := openssl(ctx, dir, nil, strings.Fields(step)...); err != nil {
			return err
		}
	}
	// The one certificate is made: nobody can make another.
	return errors.Join(os.Remove(filepath.Join(dir, "root.key")), os.Remove(filepath.Join(dir, "tsa.csr")))
}

// reply has openssl answer one query. It also answers what is no query, with
// a status that says so. The caller makes sure that there is one at a time.
func (a authority) reply(ctx context.Context, query []byte) ([]byte, error) {
	return openssl(ctx, a.dir, query, "ts", "-reply", "-config", "openssl.cnf", "-section", "tsa", "-queryfile", "/dev/stdin")
}

// openssl runs one command in dir, at most 10 seconds.
func openssl(ctx context.Context, dir string, input []byte, arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "openssl", arguments...)
	var complaint bytes.Buffer
	c.Dir, c.Stdin, c.Stderr = dir, bytes.NewReader(input), &complaint
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("running openssl %s: %w: %s", arguments[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
