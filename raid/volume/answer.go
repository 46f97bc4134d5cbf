package volume

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// PageSize is the most a page of a scan carries in bytes, one item at least.
const PageSize = 1 << 20

// answerAll is the read lane: several at a time, in no order.
func (c *session) answerAll() {
	for j := range c.reads {
		var err error
		switch {
		case j.expired():
			err = ErrExpired
		case j.Kind == KindGet:
			err = c.answerGet(&j)
		case j.Kind == KindScan:
			err = c.answerScan(&j)
		default:
			err = fmt.Errorf("%w: kind %d on the read lane", ErrRefused, j.Kind)
		}
		c.pool.put(j.Payload)
		if err != nil && c.reply(j.ID, LaneRead, encodeNo(No, err)) != nil {
			_ = c.conn.Close()
		}
	}
}

// answerGet sends a value straight from Badger's map.
func (c *session) answerGet(j *job) error {
	c.s.life.RLock()
	defer c.s.life.RUnlock()
	if c.s.db == nil {
		return fmt.Errorf("%w: no database is open", ErrRefused)
	}
	if j.Flags&FlagRemoved != 0 {
		removed := byte(0)
		if c.s.db.removed(j.Payload) {
			removed = 1
		}
		return c.reply(j.ID, LaneRead, []byte{byte(Yes), removed})
	}
	return c.s.db.view(j.Payload, func(v []byte) error {
		if err := c.reply(j.ID, LaneRead, []byte{byte(Yes)}, v); err != nil {
			_ = c.conn.Close()
		}
		return nil
	})
}

// A scan's request is limit (4), prefix length (2), prefix, after. Its answer is a byte that says
// whether the range ended, then items: key length (2), value length (4), key, value; a value that
// cannot be read has length zero. With FlagDigest the items are replaced by their SHA-256.
func encodeScan(prefix, after []byte, limit int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(limit))    // #nosec G115 -- checked by the caller
	b = binary.BigEndian.AppendUint16(b, uint16(len(prefix))) // #nosec G115 -- at most MaxKey
	return append(append(b, prefix...), after...)
}

func parseScan(p []byte) (prefix, after []byte, limit int, err error) {
	if len(p) < 6 {
		return nil, nil, 0, fmt.Errorf("%w: a torn scan", ErrFrame)
	}
	limit, n := int(binary.BigEndian.Uint32(p)), int(binary.BigEndian.Uint16(p[4:]))
	if p = p[6:]; n > len(p) || n > MaxKey || len(p)-n > MaxKey || limit < 1 {
		return nil, nil, 0, fmt.Errorf("%w: a scan of prefix %d, limit %d", ErrFrame, n, limit)
	}
	return p[:n], p[n:], limit, nil
}

func (c *session) answerScan(j *job) error {
	prefix, after, limit, err := parseScan(j.Payload)
	if err != nil {
		return err
	}
	buf := c.pool.get(MaxPayload)
	defer c.pool.put(buf)
	c.s.life.RLock()
	defer c.s.life.RUnlock()
	if c.s.db == nil {
		return fmt.Errorf("%w: no database is open", ErrRefused)
	}
	page, end, err := c.s.db.scan(buf[:0], prefix, after, limit)
	if err != nil {
		return err
	}
	head := []byte{byte(Yes), 0}
	if end {
		head[1] = 1
	}
	if j.Flags&FlagDigest != 0 {
		sum := sha256.Sum256(page)
		page = sum[:]
	}
	return c.reply(j.ID, LaneRead, head, page)
}

// scan appends a page of items to dst and says whether the range ends with it.
func (d *database) scan(dst, prefix, after []byte, limit int) (page []byte, end bool, err error) {
	end = true
	err = d.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		from := prefix
		if bytes.Compare(after, from) > 0 {
			from = after
		}
		for it.Seek(from); it.Valid(); it.Next() {
			key := it.Item().Key()
			if len(after) > 0 && bytes.Equal(key, after) || hidden(key) {
				continue
			}
			n := len(dst)
			if limit == 0 || n > 0 && n+len(key)+int(it.Item().ValueSize()) > PageSize {
				end = false
				return nil
			}
			dst = appendItem(dst, it.Item())
			if n > 0 && len(dst) > PageSize { // what Badger says of a value's size is an estimate
				dst, end = dst[:n], false
				return nil
			}
			limit--
		}
		return nil
	})
	return dst, end, err
}

// hidden says whether a key is the volume's own.
func hidden(key []byte) bool { return bytes.Equal(key, headKey) || bytes.HasPrefix(key, junkPrefix) }

// appendItem appends one item; a value that cannot be read is left empty.
func appendItem(dst []byte, item *badger.Item) []byte {
	key := item.Key()
	n := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(key))) // #nosec G115 -- at most MaxKey
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = append(dst, key...)
	err := item.Value(func(v []byte) error {
		if len(v) > MaxValue {
			return errors.New("longer than any value stored")
		}
		binary.BigEndian.PutUint32(dst[n+2:], uint32(len(v))) // #nosec G115 -- at most MaxValue
		dst = append(dst, v...)
		return nil
	})
	if err != nil {
		binary.BigEndian.PutUint32(dst[n+2:], 0)
		dst = dst[:n+6+len(key)]
	}
	return dst
}

// parsePage reads the items of a page; the slices point into it.
func parsePage(p []byte) ([]Op, error) {
	var items []Op
	for len(p) > 0 {
		if len(p) < 6 {
			return nil, fmt.Errorf("%w: a torn page", ErrFrame)
		}
		klen, vlen := int(binary.BigEndian.Uint16(p)), int(binary.BigEndian.Uint32(p[2:]))
		if p = p[6:]; klen > MaxKey || vlen > MaxValue || klen+vlen > len(p) {
			return nil, fmt.Errorf("%w: an item of key %d, value %d", ErrFrame, klen, vlen)
		}
		items = append(items, Op{Key: p[:klen:klen], Value: p[klen : klen+vlen : klen+vlen]})
		p = p[klen+vlen:]
	}
	return items, nil
}
