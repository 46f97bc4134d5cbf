package appliance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRestoreKilled kills a restoring as soon as something is there, and has it done again: what was cut off is never
// opened as a safe, or, where all of it was there already, not without its word for the journal; it is refused as long
// as it lies there, and once it is removed everything comes back.
func TestRestoreKilled(t *testing.T) {
	d := backed(t)
	medium := d.in("stick")
	d.start()
	d.vault()
	for range 3 {
		d.deposit()
	}
	for range 3 { // toldOfRestore wants the third
		d.do("backup", "--same-disk", medium)
	}
	d.stop()
	d.must(os.RemoveAll(d.in("state/mirror")))
	first := d.in("volumes/a")
	there := func(pattern string) func() bool {
		return func() bool { list, err := filepath.Glob(pattern); d.must(err); return len(list) > 0 }
	}
	counts := func() bool { // by its own word it is whole
		text, err := os.ReadFile(filepath.Join(first, "superblock"))
		return err == nil && strings.Contains(string(text), `"mark":""`)
	}
	for stage, reached := range map[string]func() bool{
		"the second volume is made": there(d.in("volumes/b/superblock")),
		"the first is":              there(filepath.Join(first, "superblock")),
		"it is being filled":        there(filepath.Join(first, "db.*/*.vlog")),
		"its note is there":         there(filepath.Join(first, "restored.json")),
		"it counts":                 counts,
	} {
		d.must(os.RemoveAll(d.in("volumes")))
		d.must(os.RemoveAll(d.in("state/volumes.key")))
		cmd := d.command("restore", medium, "--recovery-key", d.in("recovery.key"))
		d.must(cmd.Start())
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }() // it is killed
		for !reached() && !closed(done) {
			time.Sleep(100 * time.Microsecond)
		}
		stopped(cmd.Process, done)
		whole, noted := counts(), there(filepath.Join(first, "restored.json"))()
		_ = cmd.Process.Kill()
		<-done
		if whole && !noted {
			t.Errorf("killed when %s: it counts, and the journal would not hear of it", stage)
		}
		if !whole && strings.Contains(stage, "filled") {
			if out, code := d.said("serve"); code == 0 || strings.Contains(out, "serving") {
				t.Errorf("killed when %s: it opens: %d\n%s", stage, code, out)
			}
		}
		if out, code := d.said("restore", medium, "--recovery-key", d.in("recovery.key")); code == 0 || !strings.Contains(out, "cut off") {
			t.Errorf("killed when %s, and begun again over it: %d\n%s", stage, code, out)
		}
	}
	d.must(os.RemoveAll(d.in("volumes")))
	d.do("restore", medium, "--recovery-key", d.in("recovery.key"))
	d.acceptOlder()
	d.start()
	d.readAll()
	d.toldOfRestore()
}

// acceptOlder has two officers take what was restored for the truth.
func (d *disks) acceptOlder() {
	d.t.Helper()
	if out, code := d.said("serve"); code != 78 {
		d.t.Fatalf("an older state opened by itself: %d\n%s", code, out)
	}
	statement := d.statement(d.status().Choices[0].ID)
	d.do("raid", "decide", "--signature", d.sign(statement, "officer-1"), "--signature", d.sign(statement, "officer-2"))
}
