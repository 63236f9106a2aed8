package telemetry

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Observed counts, traces and logs the requests that next answers. A panic is answered with 500, and the service lives on.
func Observed(next http.Handler, metrics *Metrics, tracer *Tracer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		metrics.inFlight.Add(1)
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		ctx, span := tracer.serve(r)
		r = r.WithContext(ctx) // the mux writes the pattern that matched into this one
		defer func() {
			reason := recover()
			isMeant := reason == http.ErrAbortHandler // a handler's own way to cut its answer
			isCut := isMeant || (reason != nil && recorder.written)
			if reason != nil {
				recorder.status = http.StatusInternalServerError
			}
			if reason != nil && !isMeant {
				slog.ErrorContext(ctx, "panic", "path", r.URL.Path, "reason", reason, "stack", string(debug.Stack()))
			}
			if reason != nil && !isCut {
				w.WriteHeader(http.StatusInternalServerError)
			}
			took := time.Since(start)
			metrics.inFlight.Add(-1)
			metrics.observe(series{routeOf(r), methodOf(r), strconv.Itoa(recorder.status)}, took)
			span.served(methodOf(r), routeOf(r), recorder.status)
			slog.InfoContext(ctx, "request",
				"method", r.Method, "path", r.URL.Path, "status", recorder.status, "seconds", took.Seconds())
			if isCut { // too late for another answer: the caller has to see that this one is not whole
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(recorder, r)
	})
}

// routeOf is the pattern that matched, never the path that was sent.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	pattern := r.Pattern
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	return strings.TrimSuffix(pattern, "{$}")
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

// statusRecorder remembers the status that a handler answered with.
type statusRecorder struct {
	http.ResponseWriter
	status  int
	written bool
}

func (s *statusRecorder) WriteHeader(status int) {
	if !s.written && status >= http.StatusOK {
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
