package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
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

// metrics counts requests and writes them in Prometheus' text format.
type metrics struct {
	started  time.Time
	inFlight atomic.Int64

	mu       sync.Mutex
	requests map[series]*observations
}

func newMetrics(started time.Time) *metrics {
	return &metrics{started: started, requests: map[series]*observations{}}
}

func (m *metrics) observe(s series, took time.Duration) {
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

// instrument counts the requests that next answers. The route is the pattern that matched, never the path itself.
func (m *metrics) instrument(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		m.inFlight.Add(1)
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.inFlight.Add(-1)
			m.observe(series{routeOf(r), methodOf(r), strconv.Itoa(recorder.status)}, time.Since(start))
		}()
		next.ServeHTTP(recorder, r)
	})
}

// write prints all metrics, in an order that does not change.
func (m *metrics) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	header := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}

	header("service_info", "gauge", "What runs here.")
	fmt.Fprintf(w, "service_info{service=%q,team=%q,version=%q} 1\n", service, team, version)
	header("process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.")
	fmt.Fprintf(w, "process_start_time_seconds %d\n", m.started.Unix())
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
	return w.Flush()
}

func writeHistogram(w io.Writer, labels string, seen *observations) {
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

func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return r.Pattern
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return r.Method
	default:
		return "other"
	}
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

// statusRecorder remembers the status that a handler answered with.
type statusRecorder struct {
	http.ResponseWriter
	status  int
	written bool
}

func (s *statusRecorder) WriteHeader(status int) {
	if !s.written {
		s.status, s.written = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(data []byte) (int, error) {
	s.written = true
	return s.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (s *statusRecorder) Unwrap() http.ResponseWriter {
	return s.ResponseWriter
}
