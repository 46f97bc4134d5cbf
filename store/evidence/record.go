package evidence

// Record is a parsed evidence record.
type Record struct {
	chains [][]archiveTimeStamp
}

// archiveTimeStamp is one ArchiveTimeStamp (RFC 4998, 4.1).
type archiveTimeStamp struct {
	lists [][][32]byte // reducedHashtree, from the leaves upward; none: the token is over the object itself
	token []byte       // timeStamp: a ContentInfo in DER
	der   []byte
}

// Tokens returns the timestamp tokens in the order they were made.
func (r Record) Tokens() [][]byte {
	var tokens [][]byte
	for _, chain := range r.chains {
		for _, stamp := range chain {
			tokens = append(tokens, stamp.token)
		}
	}
	return tokens
}
