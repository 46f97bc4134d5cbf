package api

import (
	"path/filepath"

	"casemate/appliance/wire"
	"casemate/store"
)

// inSync is what the mirror calls a volume that has everything.
const inSync = "in sync"

// storageOf tells of each volume by the last element of its folder: where exactly it
// stands is nobody's business who calls from outside.
func storageOf(s store.Status) wire.StorageStatus {
	out := wire.StorageStatus{OK: !s.Volumes.ReadOnly, Volumes: []wire.VolumeStatus{}}
	for _, v := range s.Volumes.Volumes {
		out.OK = out.OK && v.State == inSync
		out.Volumes = append(out.Volumes, wire.VolumeStatus{
			Name: filepath.Base(v.Dir), State: v.State, Detail: v.Reason, FreeBytes: v.Free,
		})
	}
	return out
}
