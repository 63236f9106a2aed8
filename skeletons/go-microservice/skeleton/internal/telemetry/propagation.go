package telemetry

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
)

// traceparent is the header of W3C's Trace Context; later versions may append to it.
var traceparent = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$`)

// extract reads the caller's span from a request, or returns nil.
func extract(header http.Header) *Span {
	found := traceparent.FindStringSubmatch(header.Get("traceparent"))
	if found == nil || found[1] == "ff" || (found[1] == "00" && found[5] != "") {
		return nil
	}
	span := &Span{state: header.Get("tracestate")}
	flags := [1]byte{}
	for target, text := range map[string][]byte{found[2]: span.traceID[:], found[3]: span.spanID[:], found[4]: flags[:]} {
		if _, err := hex.Decode(text, []byte(target)); err != nil {
			return nil
		}
	}
	if span.traceID == (traceID{}) || span.spanID == (spanID{}) {
		return nil
	}
	span.isSampled = flags[0]&1 == 1
	return span
}

func (s *Span) inject(header http.Header) {
	flags := 0
	if s.isSampled {
		flags = 1
	}
	header.Set("traceparent", fmt.Sprintf("00-%s-%s-%02x", s.traceID, s.spanID, flags))
	if s.state != "" {
		header.Set("tracestate", s.state)
	}
}
