package main

import (
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/org/${{ values.name }}/internal/api"
	"github.com/org/${{ values.name }}/internal/database"
	"github.com/org/${{ values.name }}/internal/telemetry"
)

// server answers requests. It is alive as long as it answers, and ready between its start and its shutdown, while its
// database answers if it has one.
type server struct {
	tracer   *telemetry.Tracer
	database *database.Database
	ready    atomic.Bool
}

// handler returns all routes. Probes and metrics are not observed: they would be most of what is logged.
func (s *server) handler() http.Handler {
	metrics := telemetry.NewMetrics(time.Now())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.Handle("GET /metrics", metrics)
	mux.Handle("/", telemetry.Observed(s.database.Of(api.Handler()), metrics, s.tracer))
	return mux
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, `{"status":"ok"}`)
}

func (s *server) readiness(w http.ResponseWriter, r *http.Request) {
	if !s.ready.Load() {
		say(w, http.StatusServiceUnavailable, `{"status":"not ready"}`)
		return
	}
	if err := s.database.Answers(r.Context()); err != nil {
		slog.WarnContext(r.Context(), "the database does not answer", "error", err)
		say(w, http.StatusServiceUnavailable, `{"status":"no database"}`)
		return
	}
	say(w, http.StatusOK, `{"status":"ready"}`)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a prober that is gone needs no answer
}
