package telemetry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/org/${{ values.name }}/internal/build"
)

// Lookup is os.LookupEnv outside of tests.
type Lookup func(string) (string, bool)

func (l Lookup) text(names ...string) string {
	for _, name := range names {
		if value, ok := l(name); ok && value != "" {
			return value
		}
	}
	return ""
}

// NewTracer reads OpenTelemetry's variables. Without an endpoint nothing is sent.
func NewTracer(lookup Lookup) (*Tracer, error) {
	sampler, err := newSampler(lookup.text("OTEL_TRACES_SAMPLER"), lookup.text("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return nil, err
	}
	tracer := &Tracer{sampler: sampler}
	endpoint := lookup.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := lookup.text("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint == "" && base != "" {
		endpoint = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	isOff := strings.EqualFold(lookup.text("OTEL_SDK_DISABLED"), "true") || lookup.text("OTEL_TRACES_EXPORTER") == "none"
	if endpoint == "" || isOff {
		return tracer, nil
	}
	if parsed, err := url.Parse(endpoint); err != nil || parsed.Host == "" || !strings.HasPrefix(parsed.Scheme, "http") {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT must be a URL of HTTP, not %q", endpoint)
	}
	headers, err := pairs(lookup.text("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %w", err)
	}
	resource, err := pairs(lookup.text("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	attributes := map[string]any{"service.version": build.Version, "telemetry.sdk.language": "go"}
	for name, value := range resource {
		attributes[name] = value
	}
	if name := lookup.text("OTEL_SERVICE_NAME"); name != "" {
		attributes["service.name"] = name
	} else if attributes["service.name"] == nil {
		attributes["service.name"] = build.Service
	}
	timeout := 10 * time.Second
	if text := lookup.text("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); text != "" {
		milliseconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil || milliseconds <= 0 {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds, not %q", text)
		}
		timeout = time.Duration(milliseconds) * time.Millisecond
	}
	tracer.exporter = newExporter(&http.Client{Timeout: timeout}, endpoint, headers, attributes)
	return tracer, nil
}

// pairs reads a=b,c=d; values are percent-encoded.
func pairs(text string) (map[string]string, error) {
	result := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, errors.New("write it as name=value,name=value")
		}
		result[name] = decoded
	}
	return result, nil
}

// sampler decides which traces are kept. A caller's decision goes before the ratio.
type sampler struct {
	ratio           float64
	ignoresDecision bool
}

func newSampler(name, argument string) (sampler, error) {
	result := sampler{ratio: 1, ignoresDecision: !strings.HasPrefix(name, "parentbased_") && name != ""}
	switch strings.TrimPrefix(name, "parentbased_") {
	case "", "always_on":
	case "always_off":
		result.ratio = 0
	case "traceidratio":
		if argument == "" {
			break
		}
		ratio, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(0 <= ratio && ratio <= 1) {
			return sampler{}, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not %q", argument)
		}
		result.ratio = ratio
	default:
		return sampler{}, fmt.Errorf("OTEL_TRACES_SAMPLER: %q is not known; use parentbased_traceidratio", name)
	}
	return result, nil
}

func (s sampler) isSampled(id traceID, parent *Span) bool {
	if parent != nil && !s.ignoresDecision {
		return parent.isSampled
	}
	if s.ratio == 1 {
		return true
	}
	return float64(binary.BigEndian.Uint64(id[8:])>>1) < s.ratio*(1<<63) // as other services decide about the same trace
}
