// Package telemetry counts, logs and traces requests, in the formats of Prometheus, JSON and OpenTelemetry.
//
// It is the small part of those projects that a service needs, without a dependency. Who needs more replaces this package
// by github.com/prometheus/client_golang and go.opentelemetry.io/otel; nothing outside of it knows how it works.
package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/org/${{ values.name }}/internal/build"
)

// durationBuckets are upper bounds in seconds.
var durationBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// series is what requests are counted by. Each member has few possible values, so the number of series is bounded.
type series struct {
	route, method, code string
}

func (s series) labels() string {
	return fmt.Sprintf("route=%q,method=%q,code=%q", escapeLabel(s.route), s.method, s.code)
}

type observations struct {
	buckets []uint64 // not cumulative; one more than durationBuckets
	sum     float64
	count   uint64
}

// Metrics counts requests and writes them in Prometheus' text format.
type Metrics struct {
	started  time.Time
	inFlight atomic.Int64

	mu       sync.Mutex
	requests map[series]*observations
}

// NewMetrics has counted nothing yet.
func NewMetrics(started time.Time) *Metrics {
	return &Metrics{started: started, requests: map[series]*observations{}}
}

func (m *Metrics) observe(s series, took time.Duration) {
	seconds := took.Seconds()
	bucket, _ := slices.BinarySearch(durationBuckets, seconds)
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.requests[s]
	if seen == nil {
		seen = &observations{buckets: make([]uint64, len(durationBuckets)+1)}
		m.requests[s] = seen
	}
	seen.buckets[bucket]++
	seen.sum += seconds
	seen.count++
}

// ServeHTTP answers with all metrics, in an order that does not change.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var text bytes.Buffer // first, so that a slow reader holds up no request
	m.write(&text)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if _, err := text.WriteTo(w); err != nil {
		slog.Warn("metrics not written", "error", err)
	}
}

func (m *Metrics) write(w *bytes.Buffer) {
	header := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}

	header("service_info", "gauge", "What runs here.")
	fmt.Fprintf(w, "service_info{service=%q,team=%q,version=%q} 1\n", build.Service, build.Team, build.Version)
	header("process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.")
	fmt.Fprintf(w, "process_start_time_seconds %d\n", m.started.Unix())
	header("go_goroutines", "gauge", "Goroutines that exist.")
	fmt.Fprintf(w, "go_goroutines %d\n", runtime.NumGoroutine())
	header("http_requests_in_flight", "gauge", "Requests that are being answered.")
	fmt.Fprintf(w, "http_requests_in_flight %d\n", m.inFlight.Load())

	m.mu.Lock()
	defer m.mu.Unlock()
	known := make([]series, 0, len(m.requests))
	for s := range m.requests {
		known = append(known, s)
	}
	slices.SortFunc(known, func(a, b series) int { return strings.Compare(a.labels(), b.labels()) })

	header("http_requests_total", "counter", "Requests answered.")
	for _, s := range known {
		fmt.Fprintf(w, "http_requests_total%s %d\n", braces(s.labels()), m.requests[s].count)
	}
	header("http_request_duration_seconds", "histogram", "How long answers took.")
	for _, s := range known {
		writeHistogram(w, s.labels(), m.requests[s])
	}
}

func writeHistogram(w *bytes.Buffer, labels string, seen *observations) {
	const name = "http_request_duration_seconds"
	var below uint64
	for i, bound := range durationBuckets {
		below += seen.buckets[i]
		fmt.Fprintf(w, "%s_bucket%s %d\n", name, braces(fmt.Sprintf("%s,le=\"%g\"", labels, bound)), below)
	}
	fmt.Fprintf(w, "%s_bucket%s %d\n", name, braces(labels+`,le="+Inf"`), seen.count)
	fmt.Fprintf(w, "%s_sum%s %g\n", name, braces(labels), seen.sum)
	fmt.Fprintf(w, "%s_count%s %d\n", name, braces(labels), seen.count)
}

func braces(labels string) string {
	return "{" + labels + "}"
}

// escapeLabel leaves what %q and the text format write alike, and replaces the rest.
func escapeLabel(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, value)
}
