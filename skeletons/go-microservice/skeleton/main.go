// Command ${{ values.name }} is a service of the team ${{ values.team }}.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	service = "${{ values.name }}"
	team    = "${{ values.team }}"
)

// version is set by the build.
var version = "dev"

func main() {
	cfg, err := loadConfig(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: cfg.logLevel})).
		With("service", service, "version", version)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", cfg.port))
	if err != nil {
		log.Error("cannot listen", "error", err)
		os.Exit(1)
	}
	if err := serve(ctx, cfg, log, listener); err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// serve answers on the listener until the context ends. Then it turns unready, keeps answering for the drain delay,
// and waits for the requests in flight.
func serve(ctx context.Context, cfg config, log *slog.Logger, listener net.Listener) error {
	s := newServer(log)
	httpServer := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()
	s.ready.Store(true)
	log.Info("started", "address", listener.Addr().String())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ready.Store(false)
	log.Info("stopping")
	time.Sleep(cfg.drainDelay)
	deadline, cancel := context.WithTimeout(context.Background(), cfg.shutdownTimeout)
	defer cancel()
	if err := httpServer.Shutdown(deadline); err != nil {
		return fmt.Errorf("requests were cut off: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("stopped")
	return nil
}
