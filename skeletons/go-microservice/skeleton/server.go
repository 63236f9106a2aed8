package main

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/org/${{ values.name }}/internal/api"
	"github.com/org/${{ values.name }}/internal/telemetry"
)

// server answers requests. It is alive as long as it answers, and ready between its start and its shutdown.
type server struct {
	tracer *telemetry.Tracer
	ready  atomic.Bool
}

// handler returns all routes. Probes and metrics are not observed: they would be most of what is logged.
func (s *server) handler() http.Handler {
	metrics := telemetry.NewMetrics(time.Now())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.Handle("GET /metrics", metrics)
	mux.Handle("/", telemetry.Observed(api.Handler(), metrics, s.tracer))
	return mux
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, `{"status":"ok"}`)
}

func (s *server) readiness(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		say(w, http.StatusServiceUnavailable, `{"status":"not ready"}`)
		return
	}
	say(w, http.StatusOK, `{"status":"ready"}`)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a prober that is gone needs no answer
}
