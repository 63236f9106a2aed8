package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func environment(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func TestConfigHasDefaults(t *testing.T) {
	cfg, err := loadConfig(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.port != 8080 || cfg.logLevel != slog.LevelInfo || cfg.shutdownTimeout != 20*time.Second {
		t.Errorf("unexpected defaults: %+v", cfg)
	}
}

func TestConfigIsReadFromTheEnvironment(t *testing.T) {
	cfg, err := loadConfig(environment(map[string]string{
		"PORT": "9000", "LOG_LEVEL": "debug", "DRAIN_SECONDS": "0", "SHUTDOWN_SECONDS": "60",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := config{port: 9000, logLevel: slog.LevelDebug, shutdownTimeout: time.Minute}
	if cfg != want {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
}

func TestWrongConfigNamesTheVariable(t *testing.T) {
	for name, value := range map[string]string{
		"PORT": "high", "LOG_LEVEL": "loud", "DRAIN_SECONDS": "-1", "SHUTDOWN_SECONDS": "1m",
	} {
		_, err := loadConfig(environment(map[string]string{name: value}))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: got error %v", name, value, err)
		}
	}
}
