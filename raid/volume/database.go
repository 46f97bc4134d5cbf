package volume

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// memTableSize and valueLogSize bound what is in memory, and what a damaged tail can hold.
const (
	memTableSize = 64 << 20
	valueLogSize = 256 << 20
)

// TailBytes is how far back from its head a volume's tail reaches: whatever Badger may have
// dropped when it opened after an unclean stop was written within the last TailBytes of values.
const TailBytes = valueLogSize + 2*memTableSize + MaxBatch

// database is an open Badger with its head. Only one goroutine writes.
type database struct {
	db     *badger.DB
	hook   *logHook
	head   Head   // as loaded
	oldest uint64 // as loaded: no manifest below it is left
}

// badgerOptions are the settings every one of which was measured; see DESIGN.md before touching.
func badgerOptions(dir string, hook *logHook) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(true).
		WithValueThreshold(ValueThreshold).
		WithMemTableSize(memTableSize).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithValueLogFileSize(valueLogSize).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithVerifyValueChecksum(true).
		WithChecksumVerificationMode(options.OnTableRead).
		WithMetricsEnabled(false).
		WithLogger(hook)
}

// openDatabase opens Badger in dir and reads its head.
func openDatabase(dir string, log *slog.Logger) (d *database, err error) {
	// Badger answers some damage with a panic; it must not take the process with it before the
	// mirror has heard that this volume does not open.
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("%w: %v", ErrWillNotOpen, r)
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	hook := &logHook{log: log}
	db, err := badger.Open(badgerOptions(dir, hook))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWillNotOpen, err)
	}
	d = &database{db: db, hook: hook}
	// A table whose checksum does not match is passed over with a word in the log: its keys are gone.
	if err := errors.Join(d.complaint(), d.load()); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrWillNotOpen, err), db.Close())
	}
	return d, nil
}

// load reads the head and the oldest manifest.
func (d *database) load() error {
	b, err := d.get(headKey)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return fmt.Errorf("reading the head: %w", err)
	default:
		if d.head, err = parseHead(b); err != nil {
			return err
		}
	}
	d.oldest = d.head.Sequence + 1
	return d.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: ManifestPrefix()})
		defer it.Close()
		if it.Rewind(); it.Valid() {
			if seq, ok := ParseManifestKey(it.Item().Key()); ok {
				d.oldest = min(d.oldest, seq)
			}
		}
		return nil
	})
}

// get copies the value of a key.
func (d *database) get(key []byte) (value []byte, err error) {
	err = d.view(key, func(v []byte) error {
		value = append([]byte(nil), v...)
		return nil
	})
	return value, err
}

// view lends the value of a key for the time of the call. Badger gives an unreadable value as an
// empty one and no error; no stored value is empty.
func (d *database) view(key []byte, use func([]byte) error) error {
	return d.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		used := false
		err = item.Value(func(v []byte) error {
			if used = true; len(v) == 0 {
				return ErrDamaged
			}
			return use(v)
		})
		if err != nil && !used {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	})
}

// removed says whether the newest that Badger has of a key is the mark of its removal, for as long as no merge
// of tables has made that needless: without value, pointer or expiry, as no flipped byte makes of a value.
func (d *database) removed(key []byte) (mark bool) {
	_ = d.db.View(func(txn *badger.Txn) error {
		it := txn.NewKeyIterator(key, badger.IteratorOptions{AllVersions: true})
		defer it.Close()
		if it.Rewind(); it.Valid() {
			item := it.Item()
			mark = item.IsDeletedOrExpired() && item.ExpiresAt() == 0 && item.ValueSize() == 0
		}
		return nil
	})
	return mark
}

// commit makes operations durable in one transaction. before says whether anything can have been
// written when an error is returned: true means nothing was.
func (d *database) commit(ops []Op, meta []Op) (before bool, err error) {
	txn := d.db.NewTransaction(true)
	defer txn.Discard()
	for _, list := range [2][]Op{ops, meta} {
		for _, op := range list {
			if op.Delete {
				err = txn.Delete(op.Key)
			} else {
				err = txn.SetEntry(badger.NewEntry(op.Key, op.Value))
			}
			if err != nil {
				return true, fmt.Errorf("gathering a transaction of %d operations: %w", len(ops), err)
			}
		}
	}
	// A complaint from before counts too: a memtable that could not be flushed says so only here.
	if err := d.complaint(); err != nil {
		return false, err
	}
	if err := txn.Commit(); err != nil {
		return false, fmt.Errorf("committing: %w", err)
	}
	return false, d.complaint()
}

// complaint is an error if Badger has put anything written in doubt since it was opened.
func (d *database) complaint() error {
	if d.hook.writes.Load() == 0 {
		return nil
	}
	return fmt.Errorf("badger complained: %s", d.hook.lastComplaint())
}
