package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// server answers requests. It is alive as long as it answers, and ready between its start and its shutdown.
type server struct {
	log     *slog.Logger
	metrics *metrics
	ready   atomic.Bool
}

func newServer(log *slog.Logger) *server {
	return &server{log: log, metrics: newMetrics(time.Now())}
}

// handler returns all routes. Probes and metrics are not logged: they would be most of the log.
func (s *server) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /{$}", s.home)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.HandleFunc("GET /metrics", s.prometheus)
	mux.Handle("/", s.metrics.instrument(s.recovered(s.logged(api))))
	return mux
}

func (s *server) home(w http.ResponseWriter, _ *http.Request) {
	s.reply(w, http.StatusOK, map[string]string{"service": service, "team": team, "version": version})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	s.reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *server) readiness(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		s.reply(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready"})
		return
	}
	s.reply(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (s *server) prometheus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if err := s.metrics.write(w); err != nil {
		s.log.Warn("metrics not written", "error", err)
	}
}

func (s *server) reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Warn("answer not written", "error", err)
	}
}

// logged writes one line for each request.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		s.log.Info("request",
			"method", r.Method, "path", r.URL.Path, "status", recorder.status, "duration", time.Since(start))
	})
}

// recovered answers 500 when a handler panics, and keeps the service alive.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				s.log.Error("panic", "path", r.URL.Path, "reason", reason, "stack", string(debug.Stack()))
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
