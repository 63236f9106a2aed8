package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// config is read from the environment once, at the start.
type config struct {
	port            int           // PORT
	logLevel        slog.Level    // LOG_LEVEL: debug, info, warn, error
	drainDelay      time.Duration // DRAIN_SECONDS: how long to answer while load balancers take the instance away
	shutdownTimeout time.Duration // SHUTDOWN_SECONDS: how long requests in flight may take after that
}

// loadConfig reads the configuration through lookup, which is os.LookupEnv outside of tests.
func loadConfig(lookup func(string) (string, bool)) (config, error) {
	cfg := config{
		port:            8080,
		logLevel:        slog.LevelInfo,
		drainDelay:      5 * time.Second,
		shutdownTimeout: 20 * time.Second,
	}
	if text, ok := lookup("PORT"); ok {
		port, err := strconv.Atoi(text)
		if err != nil || port < 0 || port > 65535 {
			return config{}, fmt.Errorf("PORT must be a number from 0 to 65535, not %q", text)
		}
		cfg.port = port
	}
	if text, ok := lookup("LOG_LEVEL"); ok {
		if err := cfg.logLevel.UnmarshalText([]byte(text)); err != nil {
			return config{}, fmt.Errorf("LOG_LEVEL must be debug, info, warn or error, not %q", text)
		}
	}
	for name, target := range map[string]*time.Duration{
		"DRAIN_SECONDS":    &cfg.drainDelay,
		"SHUTDOWN_SECONDS": &cfg.shutdownTimeout,
	} {
		text, ok := lookup(name)
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 16)
		if err != nil || seconds < 0 {
			return config{}, fmt.Errorf("%s must be a whole number of seconds, not %q", name, text)
		}
		*target = time.Duration(seconds) * time.Second
	}
	return cfg, nil
}
