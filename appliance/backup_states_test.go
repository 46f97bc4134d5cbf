package appliance_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"casemate/raid/raidtest"
)

// TestBackupOfAFullSafe takes a backup when the volumes take no more; it counts once there is room again.
func TestBackupOfAFullSafe(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b).withRecovery()
	d.backedWhile(func() {
		a.Fill(12 << 20) // the floor is at 16
		b.Fill(12 << 20)
	}, func() {
		a.Empty()
		b.Empty()
	})
}

// TestBackupReadOnly takes a backup when too few volumes are left for a write; it counts once they are back.
func TestBackupReadOnly(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b).withRecovery()
	text, err := os.ReadFile(d.in("casemate.toml"))
	d.must(err)
	d.must(os.WriteFile(d.in("casemate.toml"), bytes.Replace(text, []byte("spare_after"), []byte("min_copies = 2\nspare_after"), 1), 0o600))
	d.backedWhile(b.Cut, func() {
		b.Remount()
		d.awaitHealthy()
	})
}

// backedWhile has a backup taken while deposits are refused, and looks at it; then deposits are taken again.
func (d *disks) backedWhile(refuse, accept func()) {
	d.t.Helper()
	medium := d.in("stick")
	d.start()
	d.vault()
	d.deposit()
	refuse()
	d.poll("deposits are refused", func() bool {
		_, err := d.client("depositor").Deposit(d.t.Context(), deposit([]byte("refused")))
		return err != nil
	})
	d.has(d.do("backup", "--same-disk", medium), "Backup 1 (whole)")
	d.do("restore", "--verify", medium, "--recovery-key", d.in("recovery.key"))
	accept()
	d.poll("deposits are taken again", func() bool {
		_, err := d.client("depositor").Deposit(d.t.Context(), deposit([]byte("taken")))
		return err == nil
	})
	d.poll("the journal has the backup", func() bool { return d.journaled("backup") == 1 })
	d.deposit()
	d.has(d.do("backup", "--same-disk", medium), "Backup 2 (increment)")
	if n := d.journaled("backup"); n < 2 {
		d.t.Errorf("%d backups are in the journal", n)
	}
	d.has(d.do("backup", "drill", medium, "--recovery-key", d.in("recovery.key")), "were read and proved")
}

// poll waits until something is so.
func (d *disks) poll(what string, ok func() bool) {
	d.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(250 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("never: %s\n%s", what, d.words)
		}
	}
}
