package systemd

import (
	"io/fs"
	"strings"
)

// onlyFiles shows folders and regular files of a tree: the manager's units
// without the symbolic links between them, which os.CopyFS refuses.
type onlyFiles struct{ fs.FS }

func (o onlyFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(o.FS, name)
	var kept []fs.DirEntry
	for _, e := range all {
		if e.Type().IsRegular() || (e.IsDir() && !strings.HasSuffix(e.Name(), ".d")) {
			kept = append(kept, e)
		}
	}
	return kept, err
}
