// Command ${{ values.name }} is a service of the team ${{ values.team }}.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/org/${{ values.name }}/internal/database"
	"github.com/org/${{ values.name }}/internal/telemetry"
)

func main() {
	cfg, err := loadConfig(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	tracer, err := telemetry.NewTracer(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	slog.SetDefault(telemetry.Logger(os.Stdout, cfg.logLevel))
	db, err := database.Open(os.LookupEnv)
	if err != nil {
		slog.Warn("starting without a database", "error", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", cfg.port))
	if err != nil {
		slog.Error("cannot listen", "error", err)
		os.Exit(1)
	}
	if err := serve(ctx, cfg, tracer, db, listener); err != nil {
		slog.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// serve answers on the listener until the context ends. Then it turns unready, keeps answering for the drain delay,
// waits for the requests in flight, and sends the traces that are left.
func serve(
	ctx context.Context, cfg config, tracer *telemetry.Tracer, db *database.Database, listener net.Listener,
) error {
	s := &server{tracer: tracer, database: db}
	httpServer := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()
	s.ready.Store(true)
	slog.Info("started", "address", listener.Addr().String())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ready.Store(false)
	slog.Info("stopping")
	time.Sleep(cfg.drainDelay)
	deadline, cancel := context.WithTimeout(context.Background(), cfg.shutdownTimeout)
	defer cancel()
	stopped := httpServer.Shutdown(deadline)
	if err := db.Close(); err != nil {
		slog.Warn("stopping", "error", err)
	}
	flush, cancelFlush := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancelFlush()
	if err := tracer.Shutdown(flush); err != nil {
		slog.Warn("stopping", "error", err)
	}
	if stopped != nil {
		return fmt.Errorf("requests were cut off: %w", stopped)
	}
	slog.Info("stopped")
	return nil
}
