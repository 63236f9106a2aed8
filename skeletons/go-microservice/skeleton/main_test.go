package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestServiceStartsAnswersAndStops(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, config{shutdownTimeout: 10 * time.Second}, quiet(), listener) }()

	answer, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}

	stop()
	if err := <-done; err != nil {
		t.Errorf("not stopped cleanly: %v", err)
	}
	if _, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second); err == nil {
		t.Error("the port is still open")
	}
}
