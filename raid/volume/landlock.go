package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confinedVar tells a process that has executed itself again how it was confined. It is told, not
// believed: nothing depends on it but what Status shows.
const confinedVar = "CASEMATE_VOLUME_CONFINED"

// Rights of Landlock by the version of its interface that brought them.
const (
	landlockRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockV1  = 1<<13 - 1
	landlockOwn = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// confinement is how this process was confined.
func confinement() string {
	if s := os.Getenv(confinedVar); s != "" {
		return s
	}
	return "not applied"
}

// confine restricts the process to its own directory with Landlock, by executing itself again
// under the restriction: a Go program has threads already, and only what a thread executes later
// is surely covered. Where the kernel has no Landlock it goes on without, and says so. A second
// call, in the process executed, returns at once.
func confine(dir string) (string, error) {
	if s := os.Getenv(confinedVar); s != "" {
		return s, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	abi, err := restrict(dir)
	if err != nil {
		return fmt.Sprintf("unavailable: %v", err), nil
	}
	env := append(os.Environ(), fmt.Sprintf("%s=landlock %d", confinedVar, abi))
	// #nosec G204 -- this very program
	err = unix.Exec("/proc/self/exe", os.Args, env)
	// The thread is restricted and the others are not: such a process must not go on.
	return "", fmt.Errorf("executing itself under Landlock: %w", err)
}

// restrict puts the calling thread under Landlock; an error leaves it as it was.
func restrict(dir string) (abi int, err error) {
	r, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("asking for landlock: %w", errno)
	}
	abi = int(r)
	attr := unix.LandlockRulesetAttr{Access_fs: landlockV1}
	if abi >= 2 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	size := unsafe.Sizeof(attr.Access_fs)
	if abi >= 4 {
		size += unsafe.Sizeof(attr.Access_net)
	}
	// #nosec G103 -- the kernel's own interface
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, fmt.Errorf("making a landlock ruleset: %w", errno)
	}
	rules := os.NewFile(fd, "landlock")
	defer func() { err = errors.Join(err, rules.Close()) }()
	if err := allow(rules, dir, landlockOwn&attr.Access_fs); err != nil {
		return 0, err
	}
	if err := allowProgram(rules); err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("giving up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return 0, fmt.Errorf("applying landlock: %w", errno)
	}
	return abi, nil
}

// allowProgram lets the program itself and the libraries of a dynamic one be read and executed.
func allowProgram(rules *os.File) error {
	const file = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	if err := allow(rules, "/proc/self/exe", file); err != nil {
		return err
	}
	for path, rights := range map[string]uint64{
		"/lib": landlockRead, "/lib64": landlockRead, "/usr/lib": landlockRead, "/usr/lib64": landlockRead,
		"/etc/ld.so.cache": unix.LANDLOCK_ACCESS_FS_READ_FILE,
		"/dev/null":        unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE,
	} {
		if err := allow(rules, path, rights); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// allow gives rights on a path and what lies below it.
func allow(rules *os.File, path string, rights uint64) error {
	fd, err := unix.Open(filepath.Clean(path), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %q for landlock: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)} // #nosec G115 -- a descriptor
	// #nosec G103 -- the kernel's own interface
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, rules.Fd(), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allowing %q under landlock: %w", path, errno)
	}
	return nil
}
