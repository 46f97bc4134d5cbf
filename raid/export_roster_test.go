package raid

// DeclareOne tells one volume alone of the epoch that would come next, as a crash in the middle of
// declaring it does.
func (m *Mirror) DeclareOne(slot int) error {
	d, err := m.draft(m.history, nil, nil)
	if err != nil {
		return err
	}
	return m.declareTo(m.members[slot], d.history, d.roster)
}
