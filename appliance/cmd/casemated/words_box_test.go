package main

import (
	"testing"

	"casemate/appliance/words"
)

// TestBoxSpeaksBoth: nothing is missing in French, and every sentence takes the same values.
func TestBoxSpeaksBoth(t *testing.T) {
	for _, difference := range words.Differences(boxEnglish, boxFrench) {
		t.Error(difference)
	}
	for _, difference := range words.Differences(pinEnglish, pinFrench) {
		t.Error(difference)
	}
}
