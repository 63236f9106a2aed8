package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func TestHomeNamesTheService(t *testing.T) {
	answer := get(t, newServer(quiet()).handler(), "/")
	var body map[string]string
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if body["service"] != service || body["team"] != team {
		t.Errorf("unexpected answer: %v", body)
	}
}

func TestHealthyBeforeReady(t *testing.T) {
	s := newServer(quiet())
	if got := get(t, s.handler(), "/healthz").Code; got != http.StatusOK {
		t.Errorf("/healthz: %d", got)
	}
	if got := get(t, s.handler(), "/readyz").Code; got != http.StatusServiceUnavailable {
		t.Errorf("/readyz before the start: %d", got)
	}
	s.ready.Store(true)
	if got := get(t, s.handler(), "/readyz").Code; got != http.StatusOK {
		t.Errorf("/readyz after the start: %d", got)
	}
}

func TestMetricsShowTheRequests(t *testing.T) {
	handler := newServer(quiet()).handler()
	get(t, handler, "/")
	get(t, handler, "/nothing-here")
	answer := get(t, handler, "/metrics")
	if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", got)
	}
	for _, want := range []string{
		`http_requests_total{route="/{$}",method="GET",code="200"} 1`,
		`http_requests_total{route="unmatched",method="GET",code="404"} 1`,
		`service_info{service="` + service + `"`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("missing %q in:\n%s", want, answer.Body)
		}
	}
}

func TestAPanicIsOneFailedRequest(t *testing.T) {
	s := newServer(quiet())
	handler := s.metrics.instrument(s.recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("out of cheese")
	})))
	if got := get(t, handler, "/").Code; got != http.StatusInternalServerError {
		t.Errorf("status %d", got)
	}
	if got := text(t, s.metrics); !strings.Contains(got, `code="500"} 1`) {
		t.Errorf("the failure is not counted:\n%s", got)
	}
}
