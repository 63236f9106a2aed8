package telemetry

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Tracer makes spans. Without a receiver it sends none, and still hands trace ids on to logs and to those it calls.
type Tracer struct {
	sampler  sampler
	exporter *exporter // nil without a receiver
}

func (t *Tracer) isOn() bool {
	return t.exporter != nil
}

// Shutdown sends what is left.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if !t.isOn() {
		return nil
	}
	return t.exporter.shutdown(ctx)
}

// Start begins a span of the service's own work. Call the function that is returned at its end, with its error or nil.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, func(error)) {
	const kindInternal = 1
	ctx, span := t.start(ctx, spanOf(ctx), kindInternal, name)
	return ctx, func(err error) {
		if err != nil {
			span.fail(err.Error())
		}
		span.finish()
	}
}

func (t *Tracer) serve(r *http.Request) (context.Context, *Span) {
	ctx, span := t.start(r.Context(), extract(r.Header), kindServer, r.Method)
	span.attributes["url.path"] = r.URL.Path
	span.attributes["url.scheme"] = "http"
	span.attributes["network.protocol.version"] = strings.TrimPrefix(r.Proto, "HTTP/")
	if agent := r.UserAgent(); agent != "" {
		span.attributes["user_agent.original"] = agent
	}
	return ctx, span
}

func (s *Span) served(method, route string, status int) {
	s.name = method
	if method == "other" {
		method, s.name = "_OTHER", "HTTP"
	}
	if route != "unmatched" {
		s.name += " " + route
		s.attributes["http.route"] = route
	}
	s.attributes["http.request.method"] = method
	s.attributes["http.response.status_code"] = status
	if status >= http.StatusInternalServerError {
		s.fail("")
	}
	s.finish()
}

// Transport traces the requests that a client sends, and tells those it asks which trace they belong to.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx, span := t.start(r.Context(), spanOf(r.Context()), kindClient, r.Method)
		span.attributes["http.request.method"] = r.Method
		span.attributes["server.address"] = r.URL.Hostname()
		span.attributes["url.full"] = (&url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path}).String()
		defer span.finish()
		r = r.Clone(ctx)
		span.inject(r.Header)
		answer, err := next.RoundTrip(r)
		if err != nil {
			span.fail(err.Error())
			return nil, err
		}
		span.attributes["http.response.status_code"] = answer.StatusCode
		if answer.StatusCode >= http.StatusBadRequest {
			span.fail("")
		}
		return answer, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(r)
}
