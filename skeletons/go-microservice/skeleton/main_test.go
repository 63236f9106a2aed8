package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/org/${{ values.name }}/internal/telemetry"
)

// running serves on loopback; call stop, and read how it ended.
func running(t *testing.T, cfg config) (address string, stop func(), ended <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, cfg, &telemetry.Tracer{}, nil, listener) }()
	return "http://" + listener.Addr().String(), stop, done
}

func status(t *testing.T, url string) int {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestServiceStartsAnswersAndStops(t *testing.T) {
	address, stop, ended := running(t, config{shutdownTimeout: time.Minute})
	if got := status(t, address+"/healthz"); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("not stopped cleanly: %v", err)
	}
	if _, err := http.Get(address + "/healthz"); err == nil {
		t.Error("the port is still open")
	}
}

func TestWhileItDrainsItAnswersAndIsNotReady(t *testing.T) {
	address, stop, _ := running(t, config{drainDelay: time.Hour})
	if got := status(t, address+"/healthz"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	stop()
	for status(t, address+"/readyz") != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	if got := status(t, address+"/"); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}
