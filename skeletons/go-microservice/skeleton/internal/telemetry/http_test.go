package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// logged has what is logged during a test written to the buffer that it returns.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(Logger(&out, slog.LevelInfo))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func observed(handle http.HandlerFunc) (http.Handler, *Metrics) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", handle)
	mux.HandleFunc("GET /{$}", handle)
	metrics := NewMetrics(time.Now())
	return Observed(mux, metrics, &Tracer{}), metrics
}

func TestRequestsAreCountedByThePatternThatMatched(t *testing.T) {
	logged(t)
	handler, metrics := observed(func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/orders/1", "/orders/2", "/", "/nothing", "/a\"}", "/b"} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.URL.Path = path
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/", nil))
	got := text(t, metrics)
	for _, want := range []string{
		`http_requests_total{route="/orders/{id}",method="GET",code="200"} 2`,
		`http_requests_total{route="/",method="GET",code="200"} 1`,
		`http_requests_total{route="unmatched",method="GET",code="404"} 3`,
		`http_requests_total{route="unmatched",method="other",code="405"} 1`,
		"http_requests_in_flight 0",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}

func TestAPanicIsOneFailedRequest(t *testing.T) {
	out := logged(t)
	handler, metrics := observed(func(http.ResponseWriter, *http.Request) { panic("out of cheese") })
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if answer.Code != http.StatusInternalServerError || !strings.Contains(text(t, metrics), `code="500"} 1`) {
		t.Errorf("status %d, metrics:\n%s", answer.Code, text(t, metrics))
	}
	if !strings.Contains(out.String(), "out of cheese") {
		t.Errorf("not logged:\n%s", out)
	}
}

func TestAnAnswerThatBreaksIsCutAndCounted(t *testing.T) {
	for name, test := range map[string]struct {
		handle   http.HandlerFunc
		isLogged bool
	}{
		"half way": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic("half way")
		}, true},
		"as it means to": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			out := logged(t)
			handler, metrics := observed(test.handle)
			defer func() {
				if reason := recover(); reason != http.ErrAbortHandler {
					t.Errorf("the caller takes the answer for whole: %v", reason)
				}
				if got := text(t, metrics); !strings.Contains(got, `code="500"} 1`) {
					t.Errorf("not counted as a failure:\n%s", got)
				}
				if got := strings.Contains(out.String(), `"msg":"panic"`); got != test.isLogged {
					t.Errorf("logged as a fault: %v", got)
				}
			}()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		})
	}
}

func TestLogLinesNameTheirTrace(t *testing.T) {
	out := logged(t)
	handler, _ := observed(func(_ http.ResponseWriter, r *http.Request) {
		slog.With("order", 1).InfoContext(r.Context(), "sent")
	})
	request := httptest.NewRequest(http.MethodGet, "/orders/1?secret=1", nil)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || strings.Contains(out.String(), "secret") {
		t.Fatalf("unexpected lines:\n%s", out)
	}
	for i, message := range []string{"sent", "request"} {
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		if line["msg"] != message || line["trace_id"] != "0af7651916cd43dd8448eb211c80319c" || line["span_id"] == "" {
			t.Errorf("unexpected line: %s", lines[i])
		}
	}
}
