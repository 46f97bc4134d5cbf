package raid_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"casemate/raid/raidtest"
)

// runtimeCalls are those by which Go's runtime and the C of the kernel's loader keep a process
// going; they touch no file and no socket of ours, and failing them is failing the process, which
// TestOneVolumeStruck does. Whatever else a volume calls is broken here, without being named.
var runtimeCalls = strings.Fields(`arch_prctl brk clone clone3 epoll_create1 epoll_ctl epoll_pwait eventfd2 execve exit
	exit_group futex getpid gettid getrandom nanosleep pipe2 prlimit64 rseq rt_sigaction rt_sigprocmask rt_sigreturn
	sched_getaffinity sched_yield set_robust_list set_tid_address sigaltstack tgkill timer_create timer_delete timer_settime
	uname getuid geteuid getgid getegid clock_gettime clock_nanosleep madvise prctl mincore restart_syscall`)

// life is what a volume goes through while each of its calls is broken: it is opened, brought up to
// what it missed, written to, read, scanned, and told of another epoch.
func (s *site) life() {
	s.t.Helper()
	s.open()
	for i := range 4 {
		_ = s.led.write(s.m, s.led.add(fmt.Sprintf("k/life-%d/%d", s.runs, i)), false)
	}
	s.runs++
	for range 4 {
		if err := s.led.read(s.m, s.led.groups[0], 2); err != nil {
			s.led.complain("a read failed though a good volume was left: %v", err)
		}
		if _, err := s.m.Scan(s.t.Context(), []byte("k/"), nil, 20); err != nil {
			s.led.complain("a scan failed though a good volume was left: %v", err)
		}
	}
}

// TestEachSystemCallFails breaks the system calls of a volume, from its first to its last: which
// there are is found by tracing it. Each name fails with EIO, at its first occurrence on one file
// system and at another on the other; with CASEMATE_LONG at each of the first hundred on both, and
// with ENOSPC too. The other volume
// goes on: the mirror never stops, nothing is lost, nothing wrong is read, and both are well again
// by themselves.
func TestEachSystemCallFails(t *testing.T) {
	for victim, kind := range []string{"xfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := furnished(t)
			s.kill(victim) // what it has to do on opening is more after an unclean stop
			s.fenced(victim)
			s.close()
			log := raidtest.Plan(t, s.c.Dirs[victim], "-e", "trace=all")
			s.life()
			s.healthy()
			s.close()
			names, count := countCalls(raidtest.ReadLog(t, log))
			for _, known := range []string{"msync", "fdatasync", "fsync", "pwrite64", "openat", "renameat", "ftruncate", "mmap", "flock", "statfs"} {
				if count[known] == 0 {
					t.Errorf("a volume does not call %s? %v", known, count)
				}
			}
			r := rand.New(rand.NewPCG(1, uint64(victim)))
			planned, broken := 0, 0
			for _, name := range names {
				for _, nth := range occurrences(r, count[name], victim == 0) {
					for _, errno := range errnos(name) {
						planned++
						if s.breakCall(victim, name, errno, nth) {
							broken++
						}
					}
				}
			}
			t.Logf("%d calls broken, of %d planned, of these names: %v", broken, planned, names)
			if broken < len(names)/2 {
				t.Errorf("only %d calls were broken, of %d names", broken, len(names))
			}
			s.open()
			s.healthy()
			s.verify()
		})
	}
}

// occurrences chooses which of n calls of a name are broken.
func occurrences(r *rand.Rand, n int, first bool) (list []int) {
	switch {
	case os.Getenv("CASEMATE_LONG") != "":
		for i := range min(n, 100) {
			list = append(list, i+1)
		}
		return list
	case first || n == 1:
		return []int{1}
	}
	return []int{2 + r.IntN(n-1)}
}

// errnos are the errors a call is broken with.
func errnos(name string) []string {
	list := []string{"EIO"}
	room := strings.Fields("pwrite64 write writev ftruncate fallocate openat renameat mkdirat msync fdatasync fsync")
	if os.Getenv("CASEMATE_LONG") != "" && slices.Contains(room, name) {
		list = append(list, "ENOSPC")
	}
	return list
}

// countCalls gives the names of the calls in a log that are to be broken, and how often the thread
// that makes a call most often makes it: strace counts the calls of each thread for itself.
func countCalls(log string) (names []string, most map[string]int) {
	count, most := map[string]int{}, map[string]int{}
	for line := range strings.Lines(log) {
		thread, _, _ := strings.Cut(line, " ")
		for _, name := range raidtest.Calls(line) {
			count[thread+name]++
			if most[name] == 0 && !slices.Contains(runtimeCalls, name) {
				names = append(names, name)
			}
			most[name] = max(most[name], count[thread+name])
		}
	}
	return names, most
}

// breakCall has a volume live with one of its calls broken, looks at what is left, and says whether
// the call came.
func (s *site) breakCall(victim int, name, errno string, nth int) (came bool) {
	s.t.Helper()
	log := raidtest.Plan(s.t, s.c.Dirs[victim], raidtest.Fail(name, errno, nth)...)
	s.life()
	s.settled()
	if s.t.Failed() {
		s.t.Fatalf("call %d of %s failed with %s", nth, name, errno)
	}
	if err := s.m.Close(); err != nil && !strings.Contains(raidtest.ReadLog(s.t, log), "(INJECTED)") {
		s.t.Errorf("closing, no call of %s having failed: %v", name, err)
	}
	return strings.Contains(raidtest.ReadLog(s.t, log), "(INJECTED)")
}
