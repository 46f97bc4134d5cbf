package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// giveToOwner gives files and folders to the owner of the state folder, where root made them.
func giveToOwner(state string, paths []string) error {
	info, err := os.Stat(state)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, path := range paths {
		if err := giveTree(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// giveTree gives a file, or a folder with all in it, to a user. Within the folder no link leads out of it.
func giveTree(path string, uid, gid int) error {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return errors.Join(err, os.Lchown(path, uid, gid))
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only looked into
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		return errors.Join(fmt.Errorf("%s was exchanged for another folder", path), err)
	}
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
}
