package main

import (
	"testing"

	"casemate/appliance/words"
)

func TestBackupSaysTheSameInBothLanguages(t *testing.T) {
	for _, difference := range words.Differences(backupEnglish, backupFrench) {
		t.Error(difference)
	}
}
