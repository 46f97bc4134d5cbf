package raid

import (
	"context"
	"fmt"

	"casemate/raid/volume"
)

// copyBytes is about how much is copied in one transaction while nobody else is at work, and
// cursorBytes after how much more the volume notes how far the copy is.
const (
	copyBytes   = 12 << 20
	cursorBytes = 64 << 20
)

// fill is a volume being filled from nothing, beside its old database, while the mirror serves. What
// is written meanwhile is replayed afterwards from the manifests, which are kept from base on.
type fill struct {
	m     *Mirror
	src   source
	dst   *member
	base  volume.Head
	after []byte // the last key copied
	plain []byte // where values are opened, one after the other
	bytes int64  // copied
	marks []fillMark
	noted int64 // bytes at the last cursor noted
}

// fillMark is a place in the copy.
type fillMark struct {
	key   []byte
	bytes int64
	seen  uint64
}

// fillAnew fills a volume anew, or goes on where an earlier fill was interrupted. Only values of
// batches up to the base are copied: they are acknowledged, and so part of every history to come; the
// later ones are replayed. A crash leaves the old database, marked, and the new one with the cursor
// noted last; one after ActFinish leaves a volume that is to be caught up.
func (m *Mirror) fillAnew(ctx context.Context, src source, mem *member, why string) error {
	f, err := m.resumeFill(ctx, src, mem)
	if err != nil {
		return err
	}
	if f == nil {
		if f, err = m.beginFill(ctx, src, mem, why); err != nil {
			return fmt.Errorf("beginning a new database: %w", err)
		}
	}
	if err := f.copyAll(ctx); err != nil {
		return fmt.Errorf("copying from volume %d: %w", src.mem.slot, err)
	}
	if err := f.certain(); err != nil {
		return err
	}
	if err := m.control(ctx, mem, volume.Request{Act: volume.ActHead, Head: f.base}); err != nil {
		return err
	}
	if err := m.control(ctx, mem, volume.Request{Act: volume.ActFinish}); err != nil {
		return err
	}
	return m.budget.refilled(mem.id)
}

// beginFill begins an empty database.
func (m *Mirror) beginFill(ctx context.Context, src source, mem *member, why string) (*fill, error) {
	m.event(EventRebuild, mem, "%s", why)
	if len(why) > 300 {
		why = why[:300]
	}
	f := &fill{m: m, src: src, dst: mem, base: m.committed()}
	f.measure(ctx, false)
	return f, m.control(ctx, mem, volume.Request{Act: volume.ActRebuild, Reason: why, Head: f.base})
}

// measure begins to show how far the fill is; how much there is to copy is an estimate.
func (f *fill) measure(ctx context.Context, resumed bool) {
	st, err := f.src.client.Control(ctx, volume.Request{Act: volume.ActMeasure})
	if err != nil {
		f.m.c.Log.Debug("asking a volume for its size", "volume", f.src.mem.slot, "error", err)
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.dst.meter = newMeter(true, resumed, f.bytes, st.Used, f.m.c.Now())
}

// chunk is what is written in one transaction.
type chunk struct {
	ops   []volume.Op
	bytes int64
	mark  fillMark
	end   bool
	err   error

	answer <-chan error // once it is sent; nil if there was nothing to send
}

// copyAll copies every key after the cursor, the mirror's own included, each value authenticated on
// the way: one chunk is read while one is sent and one is written.
func (f *fill) copyAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := make(chan chunk, 1)
	go f.read(ctx, chunks)
	var sent []chunk // and not answered, oldest first
	for {
		var c chunk
		select {
		case c = <-chunks:
		case <-ctx.Done():
			return ctx.Err()
		}
		if c.err != nil {
			return c.err
		}
		if len(c.ops) > 0 {
			c.answer, c.ops = f.dst.proc.client.StartRefill(c.ops, 0), nil
		}
		sent = append(sent, c)
		for len(sent) > 1 || c.end && len(sent) > 0 || len(sent) > 0 && !f.m.calls.quiet(f.m.c.Now()) {
			if err := f.written(ctx, sent[0]); err != nil {
				return err
			}
			sent = sent[1:]
		}
		if c.end {
			return nil
		}
	}
}

// written waits until a chunk is on the disk, notes it, and gives way to who reads and writes.
func (f *fill) written(ctx context.Context, c chunk) error {
	if c.answer != nil {
		select {
		case err := <-c.answer:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.bytes += c.bytes
	f.dst.meter.add(c.bytes, f.m.c.Now())
	c.mark.bytes = f.bytes
	if err := f.note(ctx, c.mark); err != nil {
		return err
	}
	return f.m.giveWay(ctx, c.bytes)
}

// read gathers chunks until the end, an error, or ctx ends.
func (f *fill) read(ctx context.Context, chunks chan<- chunk) {
	pages := make(chan paged, 1)
	go f.fetch(ctx, f.after, pages)
	for after := f.after; ; {
		c := f.gather(ctx, after, pages)
		select {
		case chunks <- c:
		case <-ctx.Done():
			return
		}
		if c.end || c.err != nil {
			return
		}
		after = c.mark.key
	}
}

// paged is a page of the source as it came in.
type paged struct {
	volume.Page
	seen uint64 // the last batch composed, once the page was there
	err  error
}

// fetch asks for page after page, at most two ahead, so that the source reads while values are opened.
func (f *fill) fetch(ctx context.Context, after []byte, pages chan<- paged) {
	for {
		page, err := f.page(ctx, after)
		select {
		case pages <- paged{page, f.m.composed(), err}:
		case <-ctx.Done():
			return
		}
		if err != nil || page.End {
			return
		}
		after = page.Items[len(page.Items)-1].Key
	}
}

// gather reads one chunk: less of it while others are at work, so that they never wait long for the
// disk.
func (f *fill) gather(ctx context.Context, after []byte, pages <-chan paged) (c chunk) {
	open := opener{sealer: &f.m.seal}
	c.mark.key = after
	for {
		var page paged
		select {
		case page = <-pages:
		case <-ctx.Done():
			return chunk{err: ctx.Err()}
		}
		if page.err != nil {
			return chunk{err: page.err}
		}
		for _, it := range page.Items {
			c.mark.key = it.Key
			plain, sequence, err := open.unseal(f.plain[:0], it.Key, it.Value) // what is damaged does not tell its batch either
			if err != nil {
				if it.Value, err = f.rescue(ctx, it.Key); err != nil {
					return chunk{err: err}
				}
			} else if f.plain = plain; sequence > f.base.Sequence {
				continue
			}
			if it.Value != nil {
				c.ops, c.bytes = append(c.ops, it), c.bytes+int64(len(it.Key)+len(it.Value))
			}
		}
		c.mark.seen = page.seen
		full := c.bytes >= copyBytes || len(c.ops) > MaxOps/4 || !f.m.calls.quiet(f.m.c.Now())
		if c.end = page.End; c.end || full && c.bytes > 0 {
			return c
		}
	}
}

func (f *fill) page(ctx context.Context, after []byte) (volume.Page, error) {
	rctx, cancel := context.WithTimeout(ctx, patience*f.m.c.WriteDeadline)
	defer cancel()
	page, err := f.src.client.Items(rctx, after, MaxOps/4)
	if err == nil && len(page.Items) == 0 && !page.End {
		err = fmt.Errorf("%w: an empty page in the middle", ErrCorrupt)
	}
	return page, err
}

// rescue gives a value that the source holds damaged from another volume in sync: nil if it is of a later
// batch, a gap if none has it.
func (f *fill) rescue(ctx context.Context, key []byte) ([]byte, error) {
	f.m.suspect(f.src.mem, EventBadValue, key, "a value cannot be copied: it does not read as it was written")
	list, _, _ := f.m.sources()
	for _, s := range list {
		v, err := f.m.sound(ctx, s, key)
		if err == nil {
			if sequence, _, _ := identify(v); sequence <= f.base.Sequence {
				return v, nil
			}
			return nil, nil
		}
	}
	if key[0] == volume.MetaPrefix { // a manifest: one that is not there is known to be trimmed
		return nil, ctx.Err()
	}
	return gap, ctx.Err()
}

// composed is the last batch composed.
func (m *Mirror) composed() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.next.Sequence
}
