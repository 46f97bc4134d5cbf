package module_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
	"casemate/store/proof"
)

const p11kitClient = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"

// remote is a p11-kit server in front of a test's SoftHSM: a token that can be
// unplugged (killed) and that can hang (stopped). It forks for each client, so
// signals go to its process group.
type remote struct {
	t      *testing.T
	k      *hsmtest.Token
	socket string
	label  string
	cmd    *exec.Cmd
}

func behindServer(t *testing.T, o hsmtest.Options) (*hsmtest.Token, *remote) {
	t.Helper()
	o.WrapMethods = []string{"rsa-oaep-sha1"} // p11-kit carries neither AES-GCM nor key wrapping
	k := hsmtest.Prepare(t, o)
	if out, err := k.Setup(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := &remote{t: t, k: k, socket: filepath.Join(k.Dir, "p11"), label: "casemate"}
	k.Through(p11kitClient, "P11_KIT_SERVER_ADDRESS=unix:path="+r.socket)
	t.Cleanup(r.kill)
	r.start()
	k.Restart()
	return k, r
}

func (r *remote) start() {
	r.t.Helper()
	r.cmd = exec.Command("p11-kit", "server", "-f", "-n", r.socket, "--provider", hsmtest.SoftHSM, "pkcs11:token="+r.label)
	r.cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+r.k.SoftHSMConf)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", r.socket); err == nil {
			_ = c.Close()
			return
		}
	}
	r.t.Fatal("p11-kit server does not listen")
}

func (r *remote) signal(s syscall.Signal) { _ = syscall.Kill(-r.cmd.Process.Pid, s) }

func (r *remote) kill() {
	if r.cmd != nil {
		r.signal(syscall.SIGKILL)
		_ = r.cmd.Wait()
		r.cmd = nil
		_ = os.Remove(r.socket)
	}
}

// sealsAgain asks for seals until one comes.
func sealsAgain(t *testing.T, k *hsmtest.Token) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		results, err := k.Client.Seal(ctx, []hsm.SealRequest{attest(t, nil)})
		if err == nil && results[0].Error == "" {
			return
		}
		if ctx.Err() != nil || !(err == nil || errors.Is(err, hsm.ErrUnavailable)) {
			t.Fatalf("no seal: %v %+v\n%s", err, results, k.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The device goes away and comes back: the process ends, is started again, and
// seals, with nothing done to the client.
func TestDeviceLost(t *testing.T) {
	k, r := behindServer(t, hsmtest.Options{Origin: origin})
	sealsAgain(t, k)
	kc := hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{7}, Version: 1}
	key, record, err := k.Client.NewKey(ctx, kc)
	if err != nil {
		t.Fatal(err)
	}
	r.kill()
	if _, err := k.Client.Seal(ctx, []hsm.SealRequest{attest(t, nil)}); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("without a device: %v, want ErrUnavailable", err)
	}
	r.start()
	sealsAgain(t, k)
	if again, err := k.Client.UnwrapKey(ctx, kc, record); err != nil || again != key {
		t.Errorf("the key after that: %v", err)
	}
	if k.Starts() < 2 {
		t.Error("the process was not started again")
	}
}

// Unwrapping, not signing, meets the lost device: no alarm, a restart.
func TestDeviceLostWhileUnwrapping(t *testing.T) {
	k, r := behindServer(t, hsmtest.Options{Origin: origin})
	kc := hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{7}, Version: 1}
	_, record, err := k.Client.NewKey(ctx, kc)
	if err != nil {
		t.Fatal(err)
	}
	r.kill()
	if _, err := k.Client.UnwrapKey(ctx, kc, record); !errors.Is(err, hsm.ErrUnavailable) || errors.Is(err, hsm.ErrIntegrity) {
		t.Errorf("without a device: %v, want ErrUnavailable", err)
	}
}

// The module hangs: everyone who waits is answered within the deadline, the
// process ends and a new one takes over once the device answers.
func TestModuleHangs(t *testing.T) {
	k, r := behindServer(t, hsmtest.Options{Origin: origin, Timeout: time.Second})
	sealsAgain(t, k)
	k.Client.Timeout = time.Hour // it is the process that answers, not the client's patience that ends
	r.signal(syscall.SIGSTOP)
	answers := make(chan error, 20)
	for range cap(answers) {
		go func() {
			_, err := k.Client.Seal(ctx, []hsm.SealRequest{attest(t, nil)})
			answers <- err
		}()
	}
	for range cap(answers) {
		select {
		case err := <-answers:
			if !errors.Is(err, hsm.ErrUnavailable) {
				t.Errorf("while the module hangs: %v, want ErrUnavailable", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("no answer while the module hangs")
		}
	}
	if !strings.Contains(k.Log(), "no answer within 1s") {
		t.Errorf("the process does not say why:\n%s", k.Log())
	}
	r.signal(syscall.SIGCONT)
	r.kill()
	r.start()
	sealsAgain(t, k)
}

// The process is killed in the middle of signatures, over and over.
func TestKilledMidSignature(t *testing.T) {
	k := hsmtest.Start(t, origin)
	batch := make([]hsm.SealRequest, 64)
	for i := range batch {
		batch[i] = attest(t, func(a *proof.Attestation) { a.Number = uint64(i + 1) })
	}
	for i := range 6 {
		killed := make(chan struct{})
		time.AfterFunc(time.Duration(1+4*i)*time.Millisecond, func() { k.Kill(); close(killed) })
		for err := error(nil); err == nil; {
			var results []hsm.SealResult
			if results, err = k.Client.Seal(ctx, batch); err != nil && !errors.Is(err, hsm.ErrUnavailable) {
				t.Fatalf("killed: %v, want ErrUnavailable", err)
			}
			for _, r := range results {
				if r.Error != "" {
					t.Fatalf("a document was refused: %s", r.Error)
				}
			}
		}
		<-killed
		k.Restart()
		sealsAgain(t, k)
	}
}
