package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"
)

type (
	traceID [16]byte
	spanID  [8]byte
)

func (id traceID) String() string { return hex.EncodeToString(id[:]) }
func (id spanID) String() string  { return hex.EncodeToString(id[:]) }

// The kinds and states of spans, as OTLP numbers them.
const (
	kindServer  = 2
	kindClient  = 3
	statusError = 2
)

// Span is a piece of work within a trace.
type Span struct {
	tracer     *Tracer
	traceID    traceID
	spanID     spanID
	parent     spanID
	state      string // tracestate, handed on as it came
	isSampled  bool
	name       string
	kind       int
	start, end time.Time
	attributes map[string]any
	failure    string
	isFailed   bool
}

type spanKey struct{}

func spanOf(ctx context.Context) *Span {
	span, _ := ctx.Value(spanKey{}).(*Span)
	return span
}

// start begins a span below the parent, or a trace where there is none.
func (t *Tracer) start(ctx context.Context, parent *Span, kind int, name string) (context.Context, *Span) {
	span := &Span{tracer: t, name: name, kind: kind, start: time.Now(), attributes: map[string]any{}}
	_, _ = rand.Read(span.spanID[:]) // never fails
	if parent == nil {
		_, _ = rand.Read(span.traceID[:])
	} else {
		span.traceID, span.parent, span.state = parent.traceID, parent.spanID, parent.state
	}
	span.isSampled = t.isOn() && t.sampler.isSampled(span.traceID, parent)
	return context.WithValue(ctx, spanKey{}, span), span
}

func (s *Span) fail(reason string) {
	s.isFailed, s.failure = true, reason
}

func (s *Span) finish() {
	s.end = s.start.Add(time.Since(s.start)) // by the clock that nobody sets
	if s.isSampled {
		s.tracer.exporter.add(s)
	}
}
