package main

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// longTransfer is the size from which a progress bar is worth drawing.
const longTransfer = 8 << 20

// progress draws how far a transfer is, its rate and the time left: on stderr, only
// on a terminal, only for long ones (or of unknown size). A nil bar draws nothing.
type progress struct {
	bar  *progressbar.ProgressBar
	once sync.Once
}

func (a *app) progress(name string, total int64) *progress {
	if !a.terminal || a.json || total >= 0 && total < longTransfer {
		return &progress{}
	}
	label := []rune(clean(name))
	if len(label) > 30 {
		label = append(label[:29], '…')
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.stderr),
		progressbar.OptionSetDescription(string(label)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

// finish takes the bar off the screen; more than once is once.
func (p *progress) finish() {
	if p.bar == nil {
		return
	}
	p.once.Do(func() { _ = p.bar.Exit(); _ = p.bar.Clear() }) // only a drawing
}

func (p *progress) add(n int) {
	if p.bar != nil && n > 0 {
		_ = p.bar.Add(n) // only a drawing
	}
}

func (p *progress) reader(r io.ReadCloser) io.ReadCloser { return &countedReader{r, p} }
func (p *progress) writer(w io.Writer) io.Writer         { return &countedWriter{w, p} }

type countedReader struct {
	io.ReadCloser
	p *progress
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.p.add(n)
	return n, err
}

type countedWriter struct {
	io.Writer
	p *progress
}

func (c *countedWriter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.p.add(n)
	return n, err
}
