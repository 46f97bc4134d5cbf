package api

import (
	"path/filepath"

	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
)

// storageOf tells of each volume by the last element of its folder: where exactly it
// stands is nobody's business who calls from outside.
func storageOf(s store.Status) wire.StorageStatus {
	out := wire.StorageStatus{OK: !s.Volumes.ReadOnly, Volumes: []wire.VolumeStatus{}}
	for _, v := range s.Volumes.Volumes {
		out.OK = out.OK && v.State == raid.InSync
		out.Volumes = append(out.Volumes, wire.VolumeStatus{
			Name: filepath.Base(v.Dir), State: string(v.State), Detail: v.Why, FreeBytes: v.Free,
		})
	}
	return out
}
