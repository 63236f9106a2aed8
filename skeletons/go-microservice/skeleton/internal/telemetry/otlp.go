package telemetry

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/org/${{ values.name }}/internal/build"
)

type object = map[string]any

// encode writes spans as an ExportTraceServiceRequest in OTLP's JSON: 64-bit numbers are texts, ids hexadecimal.
func encode(resource map[string]any, batch []*Span) []byte {
	spans := make([]object, len(batch))
	for i, span := range batch {
		spans[i] = span.encoded()
	}
	scope := object{"name": build.Service + "/internal/telemetry", "version": build.Version}
	body, err := json.Marshal(object{"resourceSpans": []object{{
		"resource":   object{"attributes": encodedAttributes(resource)},
		"scopeSpans": []object{{"scope": scope, "spans": spans}},
	}}})
	if err != nil {
		panic(err) // all of it is texts and numbers
	}
	return body
}

func (s *Span) encoded() object {
	result := object{
		"traceId":           s.traceID.String(),
		"spanId":            s.spanID.String(),
		"name":              s.name,
		"kind":              s.kind,
		"flags":             1, // sampled, as all that are sent
		"startTimeUnixNano": nanoseconds(s.start),
		"endTimeUnixNano":   nanoseconds(s.end),
		"attributes":        encodedAttributes(s.attributes),
	}
	if s.parent != (spanID{}) {
		result["parentSpanId"] = s.parent.String()
	}
	if s.state != "" {
		result["traceState"] = s.state
	}
	if s.isFailed {
		result["status"] = object{"code": statusError, "message": s.failure}
	}
	return result
}

func nanoseconds(at time.Time) string {
	return strconv.FormatInt(at.UnixNano(), 10)
}

func encodedAttributes(attributes map[string]any) []object {
	result := make([]object, 0, len(attributes))
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := object{}
		switch given := attributes[name].(type) {
		case int:
			value["intValue"] = strconv.Itoa(given)
		case string:
			value["stringValue"] = given
		}
		result = append(result, object{"key": name, "value": value})
	}
	return result
}
