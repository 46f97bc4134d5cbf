package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxSmart is the most bytes of an answer of smartctl; a full one has some 20 KiB.
const maxSmart = 1 << 20

// smart is what is read of smartctl's JSON (its format version 1); it says much more. Pointers are
// nil where a drive does not say.
type smart struct {
	Format   []int `json:"json_format_version"`
	Smartctl struct {
		ExitStatus int `json:"exit_status"` // bits, smartctl(8)
		Messages   []struct {
			String string `json:"string"`
		} `json:"messages"`
	} `json:"smartctl"`
	Support *struct {
		Available bool `json:"available"`
		Enabled   bool `json:"enabled"`
	} `json:"smart_support"`
	Status *struct {
		Passed bool `json:"passed"`
	} `json:"smart_status"`
	Temperature struct {
		Current *int64 `json:"current"`
	} `json:"temperature"`
	Hours struct {
		Hours *int64 `json:"hours"`
	} `json:"power_on_time"`
	Rotation int64 `json:"rotation_rate"`
	ATA      *struct {
		Table []ataAttribute `json:"table"`
	} `json:"ata_smart_attributes"`
	NVMe      *nvmeLog `json:"nvme_smart_health_information_log"`
	Endurance *struct {
		Used *int64 `json:"current_percent"`
	} `json:"endurance_used"`
	ScsiUsed    *int64 `json:"scsi_percentage_used_endurance_indicator"`
	ScsiDefects int64  `json:"scsi_grown_defect_list"`
	ScsiErrors  map[string]struct {
		Uncorrected int64 `json:"total_uncorrected_errors"`
	} `json:"scsi_error_counter_log"`
}

type ataAttribute struct {
	ID    int    `json:"id"`
	When  string `json:"when_failed"` // "", "past", "now"
	Flags struct {
		Prefailure bool `json:"prefailure"`
	} `json:"flags"`
	Raw struct {
		Value uint64 `json:"value"`
	} `json:"raw"`
}

type nvmeLog struct {
	Warning   uint8  `json:"critical_warning"`
	Spare     int64  `json:"available_spare"`
	Threshold int64  `json:"available_spare_threshold"`
	Used      int64  `json:"percentage_used"`
	Media     uint64 `json:"media_errors"`
}

// parseSmart reads one answer. Unknown keys are smartctl's right; anything that is not one object of
// a format we know, in measure, is not understood.
func parseSmart(b []byte) (smart, error) {
	var s smart
	if len(b) > maxSmart {
		return s, fmt.Errorf("an answer of more than %d bytes", maxSmart)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		return s, errors.New("an answer that is no JSON object")
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("decoding an answer: %w", err)
	}
	if len(s.Format) == 0 || s.Format[0] != 1 {
		return s, fmt.Errorf("an answer of format %v", s.Format)
	}
	if s.ATA != nil && len(s.ATA.Table) > 256 {
		return s, fmt.Errorf("an answer with %d attributes", len(s.ATA.Table))
	}
	for _, n := range []*int64{s.Temperature.Current, s.Hours.Hours, s.wear()} {
		if n != nil && (*n < -100 || *n > 10_000_000) {
			return s, fmt.Errorf("an answer with a measure of %d", *n)
		}
	}
	return s, nil
}

// wear is the part of a drive's written life that is used, in percent; nil if it does not say.
func (s smart) wear() *int64 {
	switch {
	case s.NVMe != nil:
		return &s.NVMe.Used
	case s.Endurance != nil:
		return s.Endurance.Used
	}
	return s.ScsiUsed
}

// silent tells whether the drive said nothing of its health.
func (s smart) silent() bool {
	return s.Status == nil && s.NVMe == nil && (s.ATA == nil || len(s.ATA.Table) == 0)
}

func (s smart) says(word string) bool {
	for _, m := range s.Smartctl.Messages {
		if strings.Contains(m.String, word) {
			return true
		}
	}
	return false
}
