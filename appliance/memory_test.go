package appliance_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const hangup = syscall.SIGHUP

// watchMemory samples the anonymous memory of a process and its children until the result is asked.
func watchMemory(t *testing.T, pid int) (peak func() int64) {
	t.Helper()
	stop, most := make(chan struct{}), make(chan int64, 1)
	go func() {
		var high int64
		for {
			select {
			case <-stop:
				most <- high
				return
			case <-time.After(100 * time.Millisecond):
				high = max(high, anonymous(pid))
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

func anonymous(pid int) int64 {
	total := int64(0)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			total = kib << 10
		}
	}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for child := range strings.FieldsSeq(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				total += anonymous(n)
			}
		}
	}
	return total
}
