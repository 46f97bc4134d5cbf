package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"casemate/appliance"
)

// asOwner goes on as the safe's own user, the owner of its state folder, where root started this
// command: what it leaves there and in the volumes, the service must be able to read and to change.
func asOwner(cfg appliance.Config) error {
	info, err := os.Stat(cfg.State)
	if os.Geteuid() != 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	groups := []int{int(owner.Gid)}
	if u, err := user.LookupId(strconv.Itoa(int(owner.Uid))); err == nil {
		ids, err := u.GroupIds()
		if err != nil {
			return fmt.Errorf("the groups of user %s: %w", u.Username, err)
		}
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil {
				groups = append(groups, n)
			}
		}
	}
	if err := errors.Join(syscall.Setgroups(groups), syscall.Setgid(int(owner.Gid)), syscall.Setuid(int(owner.Uid))); err != nil {
		return fmt.Errorf("going on as user %d, who owns %s: %w", owner.Uid, cfg.State, err)
	}
	return nil
}
