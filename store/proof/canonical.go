package proof

// canonical says whether b, which must be what encoding/json wrote, is in RFC 8785 form already, so
// that it need not be parsed and written once more. It may say no to what is; it never says yes to
// what is not (FuzzCanonical). Yes is for: no white space, keys of printable ASCII without escapes in
// ascending order, whole numbers of at most 15 digits, strings without \u escapes.
func canonical(b []byte) bool {
	c := canonicalScan{b: b}
	return c.value(0) && c.i == len(b)
}

type canonicalScan struct {
	b []byte
	i int
}

func (c *canonicalScan) next(want byte) bool {
	if c.i < len(c.b) && c.b[c.i] == want {
		c.i++
		return true
	}
	return false
}

func (c *canonicalScan) value(depth int) bool {
	if c.i >= len(c.b) || depth > 32 {
		return false
	}
	switch c.b[c.i] {
	case '{':
		c.i++
		return c.next('}') || c.members(depth)
	case '[':
		c.i++
		return c.next(']') || c.elements(depth)
	case '"':
		_, ok := c.text()
		return ok
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

func (c *canonicalScan) members(depth int) bool {
	last, first := "", true
	for {
		key, ok := c.text()
		if !ok || !first && key <= last {
			return false
		}
		for i := range len(key) { // bytes: UTF-16 order is theirs only within ASCII
			if key[i] >= 0x7f || key[i] == '\\' {
				return false
			}
		}
		if !c.next(':') || !c.value(depth+1) {
			return false
		}
		if c.next('}') {
			return true
		}
		if !c.next(',') {
			return false
		}
		last, first = key, false
	}
}

func (c *canonicalScan) elements(depth int) bool {
	for {
		if !c.value(depth + 1) {
			return false
		}
		if c.next(']') {
			return true
		}
		if !c.next(',') {
			return false
		}
	}
}

// text passes a string and gives what is between its quotes, escapes as they stand.
func (c *canonicalScan) text() (string, bool) {
	if !c.next('"') {
		return "", false
	}
	begin := c.i
	for c.i < len(c.b) {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return string(c.b[begin : c.i-1]), true
		case ch < 0x20:
			return "", false
		case ch == '\\':
			if c.i+1 >= len(c.b) {
				return "", false
			}
			switch c.b[c.i+1] {
			case '"', '\\', 'b', 'f', 'n', 'r', 't':
				c.i += 2
			default:
				return "", false
			}
		default:
			c.i++
		}
	}
	return "", false
}

func (c *canonicalScan) word(w string) bool {
	if len(c.b)-c.i < len(w) || string(c.b[c.i:c.i+len(w)]) != w {
		return false
	}
	c.i += len(w)
	return true
}

func (c *canonicalScan) number() bool {
	negative := c.next('-')
	begin := c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		c.i++
	}
	digits := c.b[begin:c.i]
	return len(digits) > 0 && len(digits) <= 15 && (digits[0] != '0' || len(digits) == 1 && !negative)
}
