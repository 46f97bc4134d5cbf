package api

import (
	"casemate/appliance/wire"
	"casemate/store"
)

func storageOf(store.Status) wire.StorageStatus {
	return wire.StorageStatus{OK: true, Volumes: []wire.VolumeStatus{}}
}
