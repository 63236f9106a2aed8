package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/${{ values.name }}/internal/build"
	"github.com/org/${{ values.name }}/internal/telemetry"
)

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func TestHealthyBeforeReady(t *testing.T) {
	s := &server{tracer: &telemetry.Tracer{}}
	for _, step := range []struct {
		ready bool
		path  string
		want  int
	}{
		{false, "/healthz", http.StatusOK},
		{false, "/readyz", http.StatusServiceUnavailable},
		{true, "/readyz", http.StatusOK},
	} {
		s.ready.Store(step.ready)
		if got := get(t, s.handler(), step.path).Code; got != step.want {
			t.Errorf("%s, ready %v: %d", step.path, step.ready, got)
		}
	}
}

func TestMetricsShowTheRequestsAndNotTheProbes(t *testing.T) {
	handler := (&server{tracer: &telemetry.Tracer{}}).handler()
	for _, path := range []string{"/", "/nothing-here", "/healthz", "/metrics"} {
		get(t, handler, path)
	}
	got := get(t, handler, "/metrics").Body.String()
	for _, want := range []string{
		`http_requests_total{route="/",method="GET",code="200"} 1`,
		`http_requests_total{route="unmatched",method="GET",code="404"} 1`,
		`service_info{service="` + build.Service + `"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "healthz") {
		t.Errorf("probes are counted:\n%s", got)
	}
}
