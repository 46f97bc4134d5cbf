package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"casemate/appliance/client"
	"casemate/hsm/module"
	"casemate/store"
	"casemate/store/proof"
)

type benchDocument struct {
	id   proof.DocumentID
	size int64
}

func (b *bench) deposit(ctx context.Context, body io.Reader) (proof.DocumentID, error) {
	sent := false
	d, err := b.appliance.safe.Deposit(ctx, b.who, store.DepositRequest{Vault: "bench"}, func() (store.Part, error) {
		if sent {
			return store.Part{}, io.EOF
		}
		sent = true
		return store.Part{Name: "document.bin", MediaType: "application/x-bench", Body: body}, nil
	})
	return d.ID, err
}

// large is one big deposit at a time, in this process.
func (b *bench) large(ctx context.Context) error {
	for _, size := range b.Large {
		digest := rawDigest()
		disk, err := rawWrite(b.Dir, size)
		if err != nil {
			return err
		}
		begin := clock()
		id, err := b.deposit(ctx, &pattern{left: size})
		if err != nil {
			return err
		}
		rate := float64(size) / since(begin) / 1e6
		b.documents = append(b.documents, benchDocument{id, size})
		b.line(BenchLine{Case: fmt.Sprintf("deposit of %d MiB, in process", size>>20), Unit: "MB/s", Value: rate,
			Limit: slower(digest, disk), Raw: min(digest, disk), Wanted: "≥ 0.80"})
	}
	return nil
}

func slower(digest, disk float64) string {
	if digest < disk {
		return "SHA3-256 on one core"
	}
	return "two raw files with fdatasync"
}

// small is many documents of 2 KiB, beside what the token signs by itself.
func (b *bench) small(ctx context.Context) error {
	signatures, err := b.signatures(ctx)
	if err != nil {
		return err
	}
	for _, n := range []int{1, 16, 256} {
		rate, err := repeat(ctx, n, b.Seconds, func(ctx context.Context) error {
			body := make([]byte, 2048)
			_, _ = rand.Read(body) // never fails since Go 1.24
			_, err := b.deposit(ctx, strings.NewReader(string(body)))
			return err
		})
		if err != nil {
			return err
		}
		wanted := ""
		if n == 256 {
			wanted = "≥ 0.35"
		}
		b.line(BenchLine{Case: fmt.Sprintf("documents of 2 KiB, %d at once", n), Unit: "documents/s", Value: rate,
			Limit: "signatures/s of the token alone", Raw: signatures, Wanted: wanted})
	}
	return nil
}

// signatures stops the token process for a moment: one owner at a time.
func (b *bench) signatures(ctx context.Context) (float64, error) {
	b.appliance.Close()
	rate, err := module.SignatureRate(ctx, module.Config{Token: b.config.moduleToken(), PINFile: b.config.HSM.PINFile,
		StateDir: b.config.HSM.State, Timeout: b.config.HSM.Timeout, Log: b.Log}, time.Duration(b.Seconds)*time.Second)
	if err != nil {
		return 0, err
	}
	return rate, b.open(ctx)
}

// reads gives back what large deposited, from disk, beside a raw file from disk.
func (b *bench) reads(ctx context.Context) error {
	for _, d := range b.documents {
		b.appliance.Close()
		raw := filepath.Join(b.Dir, "raw-read")
		if err := writeRaw(raw, d.size); err != nil {
			return err
		}
		if err := dropCaches(b.Dir); err != nil {
			return err
		}
		limit, err := rawRead(raw)
		if err != nil {
			return err
		}
		if err := b.open(ctx); err != nil {
			return err
		}
		begin := clock()
		_, r, err := b.appliance.safe.Read(ctx, b.who, d.id, 1)
		if err != nil {
			return err
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, mebi))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		b.line(BenchLine{Case: fmt.Sprintf("reading %d MiB, from disk", n>>20), Unit: "MB/s", Value: float64(n) / since(begin) / 1e6,
			Limit: "a raw file, from disk", Raw: limit, Wanted: "≥ 0.50"})
	}
	return nil
}

// api is one big deposit at a time through HTTPS.
func (b *bench) api(ctx context.Context) error {
	stop, c, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, size := range b.Large {
		digest := rawDigest()
		disk, err := rawWrite(b.Dir, size)
		if err != nil {
			return err
		}
		begin := clock()
		_, err = c.Deposit(ctx, client.Deposit{Vault: "bench", Files: []client.File{{Name: "document.bin",
			Open: func() (io.ReadCloser, error) { return io.NopCloser(&pattern{left: size}), nil }}}})
		if err != nil {
			return err
		}
		b.line(BenchLine{Case: fmt.Sprintf("deposit of %d MiB, over HTTPS", size>>20), Unit: "MB/s", Value: float64(size) / since(begin) / 1e6,
			Limit: slower(digest, disk), Raw: min(digest, disk), Wanted: "≥ 0.65"})
	}
	return nil
}

// serve runs the appliance as casemated serve does and waits until it answers.
func (b *bench) serve(ctx context.Context) (stop func(), c *client.Client, err error) {
	run, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.appliance.Run(run) }()
	stop = func() { cancel(); <-ended }
	in := func(name string) string { return filepath.Join(b.Dir, "clients", name) }
	roots, pair, err := client.LoadCredentials(filepath.Join(b.Dir, "access.pem"), in("depositor.crt"), in("depositor.key"))
	if err != nil {
		stop()
		return nil, nil, err
	}
	c, err = client.New(client.Config{URL: "https://" + b.config.HTTP.Listen, Roots: roots, Certificate: pair})
	if err != nil {
		stop()
		return nil, nil, err
	}
	for end := clock().Add(time.Minute); clock().Before(end); {
		if _, err = c.Status(ctx); err == nil {
			return stop, c, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, nil, err
}

// memory is the anonymous memory of all processes together while one long stream goes in.
func (b *bench) memory(ctx context.Context) error {
	if b.Stream == 0 {
		return nil
	}
	watch, stop := context.WithCancel(ctx)
	peak := make(chan int64, 1)
	go func() {
		var most int64
		for {
			most = max(most, anonymous(os.Getpid()))
			if watch.Err() != nil {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		peak <- most
	}()
	_, err := b.deposit(ctx, &pattern{left: b.Stream})
	stop()
	most := <-peak
	if err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("anonymous memory of all processes, %d MiB streamed in", b.Stream>>20), Unit: "MiB",
		Value: float64(most >> 20), Limit: "bound", Raw: 700, Wanted: "< 1.00"})
	return nil
}

// resident is RssAnon of a process, in bytes: what it holds itself, mapped files not counted.
func resident(pid int) int64 {
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // 0 when the kernel says otherwise
				return kib << 10
			}
		}
	}
	return 0
}

// anonymous adds up RssAnon of a process and of all its descendants, in bytes.
func anonymous(pid int) (total int64) {
	for _, p := range family(pid) {
		total += resident(p)
	}
	return total
}

// family is a process and all its descendants.
func family(pid int) []int {
	list := []int{pid}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return list
	}
	for _, task := range tasks {
		children, err := os.ReadFile(task) // #nosec G304 -- procfs
		if err != nil {
			continue
		}
		for child := range strings.FieldsSeq(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				list = append(list, family(n)...)
			}
		}
	}
	return list
}
