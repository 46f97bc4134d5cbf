package module_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
)

func accessRoots(t *testing.T, k *hsmtest.Token) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(k.SetupResult.AccessPEM) {
		t.Fatal("access.pem holds no certificate")
	}
	return roots
}

func certificateRequest(t *testing.T, name string) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Archive"}}, DNSNames: []string{"www.example"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr, key
}

// A real handshake: the server's key is in the token, the client's certificate
// is from the token's authority, and the process is killed in between.
func TestTLS(t *testing.T) {
	k := hsmtest.Start(t, origin)
	server, err := k.Client.TLSCertificate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	csr, key := certificateRequest(t, "ada")
	der, err := k.Client.IssueCertificate(ctx, hsm.CertificateRequest{CSR: csr, Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	web.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{server},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: accessRoots(t, k),
	}
	web.StartTLS()
	t.Cleanup(web.Close)
	get := func() string {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: accessRoots(t, k), ServerName: "localhost",
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		}}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get(web.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if who := get(); who != "ada" {
		t.Errorf("the server met %q", who)
	}
	k.Kill()
	k.Restart()
	if who := get(); who != "ada" {
		t.Errorf("after a restart the server met %q", who)
	}
}

func TestIssueCertificate(t *testing.T) {
	k := hsmtest.Start(t, origin)
	csr, _ := certificateRequest(t, "ada")
	der, err := k.Client.IssueCertificate(ctx, hsm.CertificateRequest{CSR: csr, Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if cert.IsCA || len(cert.DNSNames) != 0 || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth ||
		cert.Subject.CommonName != "ada" || time.Until(cert.NotAfter) > time.Hour {
		t.Errorf("issued %+v until %v", cert.Subject, cert.NotAfter)
	}
	forged := append([]byte(nil), csr...)
	forged[len(forged)-1] ^= 1
	nameless, _ := certificateRequest(t, "")
	long, _ := certificateRequest(t, strings.Repeat("a", 65))
	for name, r := range map[string]hsm.CertificateRequest{
		"forged":      {CSR: forged, Validity: time.Hour},
		"no request":  {Validity: time.Hour},
		"nameless":    {CSR: nameless, Validity: time.Hour},
		"long name":   {CSR: long, Validity: time.Hour},
		"for ever":    {CSR: csr, Validity: 100 * 365 * 24 * time.Hour},
		"no validity": {CSR: csr},
	} {
		if _, err := k.Client.IssueCertificate(ctx, r); !errors.Is(err, hsm.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

func TestInfo(t *testing.T) {
	k := hsmtest.StartWith(t, hsmtest.Options{Origin: origin, Real: true})
	info, err := k.Client.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info.Origin != origin || info.Demonstration || info.Token.Label != "casemate" || info.Token != k.SetupResult.Token ||
		info.JournalVKey != k.SetupResult.JournalVKey || len(info.SealChain) != 2 || len(info.TLSChain) != 1 || len(info.Keys) != 7 {
		t.Errorf("%+v", info)
	}
	for _, key := range info.Keys {
		if key.Kind == "root" && (key.SPKI != nil || key.Label != "casemate-root-1" || key.Type != "AES-256") {
			t.Errorf("root key %+v", key)
		}
	}
	if b, err := k.Client.Random(ctx, 4096); err != nil || len(b) != 4096 {
		t.Errorf("%d random bytes: %v", len(b), err)
	}
	if _, err := k.Client.Random(ctx, 4097); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("too many random bytes: %v, want a refusal", err)
	}
}

// Neither a state directory nor a token is ever set up twice.
func TestSetupOverwritesNothing(t *testing.T) {
	k := hsmtest.Start(t, origin)
	k.Stop()
	if out, err := k.Setup(); err == nil || !strings.Contains(out, "set up already") {
		t.Errorf("over a state directory: %v: %s", err, out)
	}
	if err := os.Rename(k.StateDir, k.StateDir+".away"); err != nil {
		t.Fatal(err)
	}
	if out, err := k.Setup(); err == nil || !strings.Contains(out, "is there already") {
		t.Errorf("over a token: %v: %s", err, out)
	}
	if err := errors.Join(os.RemoveAll(k.StateDir), os.Rename(k.StateDir+".away", k.StateDir)); err != nil {
		t.Fatal(err)
	}
	k.Restart()
	sealsAgain(t, k)
}

// A process without a setup says so, and takes up the setup when it comes.
func TestNotSetUp(t *testing.T) {
	k := hsmtest.Prepare(t, hsmtest.Options{Origin: origin})
	k.Restart()
	if err := k.Client.Ping(ctx); !errors.Is(err, hsm.ErrNotSetUp) {
		t.Errorf("%v, want ErrNotSetUp", err)
	}
	if out, err := k.Setup(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	deadline := time.Now().Add(time.Minute)
	err := k.Client.Ping(ctx)
	for ; err != nil && time.Now().Before(deadline); err = k.Client.Ping(ctx) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
}

// Another user of the machine does not get in, whatever the socket's mode.
func TestPeers(t *testing.T) {
	k := hsmtest.Start(t, origin)
	if err := errors.Join(os.Chmod(k.Socket, 0o666), os.Chmod(k.Dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	ask := func(uid uint32) string {
		cmd := exec.Command("/usr/bin/python3", "-c", `import socket,sys
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"POST /v1/info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
print(s.recv(100))`, k.Socket)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := ask(65534); strings.Contains(out, "HTTP/1.1") {
		t.Errorf("nobody was answered: %s", out)
	}
	if out := ask(uint32(os.Getuid())); !strings.Contains(out, "200 OK") {
		t.Errorf("the own user was not answered: %s", out)
	}
}

// Two processes on one state directory could sign two histories.
func TestOneProcessOnly(t *testing.T) {
	k := hsmtest.Start(t, origin)
	second := *k
	second.Socket += "2"
	if out, err := second.RunOnce(); err == nil || !strings.Contains(out, "another token process works on it") {
		t.Errorf("%v: %s", err, out)
	}
	second.Socket = k.Socket
	if out, err := second.RunOnce(); err == nil || !strings.Contains(out, "another process does") {
		t.Errorf("%v: %s", err, out)
	}
	if err := k.Client.Ping(ctx); err != nil {
		t.Errorf("the first: %v", err)
	}
}

// What is not a request of the protocol is refused and harms nobody.
func TestForeignRequests(t *testing.T) {
	k := hsmtest.Start(t, origin)
	web := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", k.Socket)
	}}}
	defer web.CloseIdleConnections()
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/sign", `{"digest":"AAAA"}`, 404},
		{hsm.PathTLSSign, `{"digest":"AAAA"}`, 403},
		{hsm.PathSeal, `{"requests":[]`, 403},
		{hsm.PathSeal, `{"requests":[],"requests":[]}`, 403},
		{hsm.PathSeal, `{"Requests":[],"requests":[]}`, 403},
		{hsm.PathSeal, `{"requests":[],"more":1}`, 403},
		{hsm.PathSeal, `{"requests":[]} {}`, 403},
		{hsm.PathSeal, `{"requests":[` + strings.Repeat(`{},`, 256) + `{}]}`, 403},
		{hsm.PathSeal, `[]`, 403},
		{hsm.PathSeal, ``, 403},
		{hsm.PathUnwrapKey, `{"kind":"vault","id":"AAAA","version":1,"record":""}`, 403},
		{hsm.PathNewKey, `{"kind":"canary","id":"AAAAAAAAAAAAAAAAAAAAAA==","version":1}`, 403},
	} {
		resp, err := web.Post("http://hsm"+c.path, "application/json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %.40s: %s, want %d", c.path, c.body, resp.Status, c.status)
		}
	}
	resp, err := web.Get("http://hsm" + hsm.PathInfo)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", resp.Status)
	}
	sealsAgain(t, k)
}
