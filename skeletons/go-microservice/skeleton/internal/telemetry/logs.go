package telemetry

import (
	"context"
	"io"
	"log/slog"

	"github.com/org/${{ values.name }}/internal/build"
)

// Logger writes one JSON object a line, with the ids of the trace that it belongs to.
func Logger(out io.Writer, level slog.Level) *slog.Logger {
	lines := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})
	return slog.New(traced{lines}).With("service", build.Service, "version", build.Version)
}

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, record slog.Record) error {
	if span := spanOf(ctx); span != nil {
		record.AddAttrs(slog.String("trace_id", span.traceID.String()), slog.String("span_id", span.spanID.String()))
	}
	return t.Handler.Handle(ctx, record)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{t.Handler.WithAttrs(attrs)}
}

func (t traced) WithGroup(name string) slog.Handler {
	return traced{t.Handler.WithGroup(name)}
}
