package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func text(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", got)
	}
	return answer.Body.String()
}

func TestRequestsAreCountedByRouteMethodAndCode(t *testing.T) {
	m := NewMetrics(time.Unix(1700000000, 0))
	s := series{"/orders/{id}", "GET", "200"}
	m.observe(s, 3*time.Millisecond)
	m.observe(s, 300*time.Millisecond)
	m.observe(s, time.Minute)

	got := text(t, m)
	for _, want := range []string{
		"# TYPE http_requests_total counter\n",
		"# TYPE http_request_duration_seconds histogram\n",
		`http_requests_total{route="/orders/{id}",method="GET",code="200"} 3` + "\n",
		`http_request_duration_seconds_bucket{route="/orders/{id}",method="GET",code="200",le="0.005"} 1` + "\n",
		`http_request_duration_seconds_bucket{route="/orders/{id}",method="GET",code="200",le="0.5"} 2` + "\n",
		`http_request_duration_seconds_bucket{route="/orders/{id}",method="GET",code="200",le="+Inf"} 3` + "\n",
		`http_request_duration_seconds_sum{route="/orders/{id}",method="GET",code="200"} 60.303` + "\n",
		"process_start_time_seconds 1700000000\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}

func TestABoundBelongsToItsBucket(t *testing.T) {
	m := NewMetrics(time.Now())
	m.observe(series{"/", "GET", "200"}, 10*time.Millisecond)
	if got := text(t, m); !strings.Contains(got, `le="0.01"} 1`) || !strings.Contains(got, `le="0.005"} 0`) {
		t.Errorf("10 ms are not in the bucket up to 0.01:\n%s", got)
	}
}
