package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// receiver is an OTLP receiver that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	headers []http.Header
	bodies  []exported
}

type exported struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []attribute }
		ScopeSpans []struct {
			Spans []struct {
				TraceID, SpanID, ParentSpanID, Name, StartTimeUnixNano, EndTimeUnixNano string
				Kind                                                                    int
				Attributes                                                              []attribute
				Status                                                                  struct{ Code int }
			}
		}
	}
}

type attribute struct {
	Key   string
	Value struct{ StringValue, IntValue string }
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var body exported
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil || request.URL.Path != "/v1/traces" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.headers = append(r.headers, request.Header)
		r.bodies = append(r.bodies, body)
	}))
	t.Cleanup(r.Close)
	return r
}

func variables(values map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func tracerTo(t *testing.T, r *receiver, more map[string]string) *Tracer {
	t.Helper()
	values := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL}
	for name, value := range more {
		values[name] = value
	}
	tracer, err := NewTracer(variables(values))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func TestSpansReachTheReceiver(t *testing.T) {
	logged(t)
	r := receive(t)
	tracer := tracerTo(t, r, map[string]string{
		"OTEL_SERVICE_NAME":          "shop",
		"OTEL_RESOURCE_ATTRIBUTES":   "service.namespace=payments,k8s.pod.name=shop%2D1",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20t",
	})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		w.Header().Set("seen", asked.Header.Get("traceparent"))
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(other.Close)
	var seen string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, asked *http.Request) {
		ctx, end := tracer.Start(asked.Context(), "look up")
		end(errors.New("not there"))
		call, _ := http.NewRequestWithContext(ctx, http.MethodGet, other.URL+"/stock?token=secret", nil)
		answer, err := (&http.Client{Transport: tracer.Transport(http.DefaultTransport)}).Do(call)
		if err != nil {
			t.Error(err)
			return
		}
		answer.Body.Close()
		seen = answer.Header.Get("seen")
		w.WriteHeader(http.StatusInternalServerError)
	})
	request := httptest.NewRequest(http.MethodGet, "/orders/1", nil)
	request.Header.Set("traceparent", caller)
	Observed(mux, NewMetrics(time.Now()), tracer).ServeHTTP(httptest.NewRecorder(), request)
	if err := tracer.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}

	if len(r.bodies) != 1 {
		t.Fatalf("%d batches", len(r.bodies))
	}
	if got := r.headers[0].Get("Authorization"); got != "Bearer t" {
		t.Errorf("authorization %q", got)
	}
	sent := r.bodies[0].ResourceSpans[0]
	resource := map[string]string{}
	for _, one := range sent.Resource.Attributes {
		resource[one.Key] = one.Value.StringValue
	}
	if resource["service.name"] != "shop" || resource["service.namespace"] != "payments" || resource["k8s.pod.name"] != "shop-1" {
		t.Errorf("resource %v", resource)
	}
	spans := sent.ScopeSpans[0].Spans
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	inner, client, server := spans[0], spans[1], spans[2]
	if server.Name != "GET /orders/{id}" || server.Kind != kindServer || server.Status.Code != statusError ||
		server.ParentSpanID != "b7ad6b7169203331" {
		t.Errorf("server %+v", server)
	}
	if inner.ParentSpanID != server.SpanID || inner.Status.Code != statusError || inner.Name != "look up" {
		t.Errorf("inner %+v", inner)
	}
	if client.ParentSpanID != inner.SpanID || client.Kind != kindClient {
		t.Errorf("client %+v", client)
	}
	if seen != "00-0af7651916cd43dd8448eb211c80319c-"+client.SpanID+"-01" {
		t.Errorf("the other service was told %q", seen)
	}
	for _, span := range spans {
		if span.TraceID != "0af7651916cd43dd8448eb211c80319c" || span.EndTimeUnixNano < span.StartTimeUnixNano {
			t.Errorf("span %+v", span)
		}
		for _, one := range span.Attributes {
			if strings.Contains(one.Value.StringValue, "secret") {
				t.Errorf("a query is sent: %+v", one)
			}
		}
	}
}

func TestWhoIsSampled(t *testing.T) {
	notSampled := strings.TrimSuffix(caller, "01") + "00"
	for name, test := range map[string]struct {
		sampler, argument, parent string
		want                      bool
	}{
		"by default":            {"", "", "", true},
		"as the caller says":    {"", "", notSampled, false},
		"whatever it says":      {"always_on", "", notSampled, true},
		"none":                  {"always_off", "", caller, false},
		"none of its own":       {"parentbased_always_off", "", caller, true},
		"a ratio of its own":    {"parentbased_traceidratio", "0", "", false},
		"a ratio of everything": {"traceidratio", "1", notSampled, true},
		"more than its part":    {"traceidratio", "0.6", caller, true}, // 8448eb… is a bit more than half of all numbers
		"less than its part":    {"traceidratio", "0.5", caller, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			tracer := tracerTo(t, r, map[string]string{"OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": test.argument})
			header := http.Header{}
			header.Set("traceparent", test.parent)
			_, span := tracer.start(t.Context(), extract(header), kindServer, "GET")
			span.finish()
			if err := tracer.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := len(r.bodies) == 1; got != test.want {
				t.Errorf("sent: %v", got)
			}
		})
	}
}

func TestACallersHeaderIsReadAsTheStandardSays(t *testing.T) {
	for value, want := range map[string]bool{
		caller: true,
		"cc" + strings.TrimPrefix(caller, "00") + "-more": true,
		caller + "-more":                                          false,
		"ff" + strings.TrimPrefix(caller, "00"):                   false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		strings.ToUpper(caller):                                   false,
		"":                                                        false,
	} {
		header := http.Header{}
		header.Set("traceparent", value)
		if got := extract(header) != nil; got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestNothingIsSentWithoutAReceiver(t *testing.T) {
	for _, values := range []map[string]string{
		{},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		tracer, err := NewTracer(variables(values))
		if err != nil || tracer.isOn() {
			t.Errorf("%v: %v", values, err)
		}
		if err := tracer.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongVariablesAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
		"OTEL_EXPORTER_OTLP_HEADERS":  "token",
		"OTEL_EXPORTER_OTLP_TIMEOUT":  "10s",
		"OTEL_RESOURCE_ATTRIBUTES":    "=x",
		"OTEL_TRACES_SAMPLER":         "jaeger_remote",
		"OTEL_TRACES_SAMPLER_ARG":     "2",
	} {
		values := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_SAMPLER": "traceidratio"}
		values[name] = value
		if _, err := NewTracer(variables(values)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func TestAReceiverThatFailsHoldsUpNobody(t *testing.T) {
	out := logged(t)
	blocked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		<-blocked
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	tracer, err := NewTracer(variables(map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": server.URL}))
	if err != nil {
		t.Fatal(err)
	}
	for range queueLength + 2*batchLength + 1 {
		_, span := tracer.start(t.Context(), nil, kindServer, "GET")
		span.finish()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tracer.Shutdown(ended); err == nil {
		t.Error("what was not sent is not noticed")
	}
	close(blocked)
	<-tracer.exporter.done
	for _, want := range []string{"spans dropped", "503"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not logged:\n%s", want, out)
		}
	}
}
