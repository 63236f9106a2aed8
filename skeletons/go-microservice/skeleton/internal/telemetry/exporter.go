package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	queueLength = 2048
	batchLength = 512
	batchDelay  = 5 * time.Second
)

// exporter sends spans in batches. It never holds up a request: what does not fit into the queue is dropped and counted.
type exporter struct {
	client   *http.Client
	endpoint string
	headers  map[string]string
	resource map[string]any

	queue   chan *Span
	stop    chan struct{}
	done    chan struct{}
	dropped atomic.Int64
}

func newExporter(client *http.Client, endpoint string, headers map[string]string, resource map[string]any) *exporter {
	e := &exporter{
		client: client, endpoint: endpoint, headers: headers, resource: resource,
		queue: make(chan *Span, queueLength), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go e.run()
	return e
}

func (e *exporter) add(span *Span) {
	select {
	case e.queue <- span:
	default:
		e.dropped.Add(1)
	}
}

// run sends a batch when it is full, when the oldest has waited long enough, and at the end.
func (e *exporter) run() {
	defer close(e.done)
	var batch []*Span
	timer := time.NewTicker(batchDelay)
	defer timer.Stop()
	for {
		select {
		case span := <-e.queue:
			if batch = append(batch, span); len(batch) < batchLength {
				continue
			}
		case <-timer.C:
		case <-e.stop:
			for len(e.queue) > 0 {
				batch = append(batch, <-e.queue)
			}
			e.send(batch)
			return
		}
		e.send(batch)
		batch = nil
	}
}

func (e *exporter) shutdown(ctx context.Context) error {
	close(e.stop)
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("traces were not sent: %w", ctx.Err())
	}
}

func (e *exporter) send(batch []*Span) {
	if dropped := e.dropped.Swap(0); dropped > 0 {
		slog.Warn("spans dropped", "count", dropped)
	}
	if len(batch) == 0 {
		return
	}
	if err := e.post(encode(e.resource, batch)); err != nil {
		slog.Warn("spans not sent", "count", len(batch), "error", err)
	}
}

func (e *exporter) post(body []byte) error {
	request, err := http.NewRequest(http.MethodPost, e.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range e.headers {
		request.Header.Set(name, value)
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // so that the connection is used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answered %s", answer.Status)
	}
	return nil
}
