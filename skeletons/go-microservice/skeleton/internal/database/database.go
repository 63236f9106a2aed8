// Package database is the service's PostgreSQL, where PGHOST names a server. Nothing is opened otherwise.
//
// The driver is a module that is added once there is a database: README.md says how. It reads PGHOST, PGPORT, PGUSER,
// PGPASSWORD and their like, as any client of PostgreSQL does.
package database

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"
)

const (
	driverName   = "pgx" // as github.com/jackc/pgx/v5/stdlib calls itself
	connections  = 10
	idleTime     = 5 * time.Minute
	probeTimeout = time.Second // less than the kubelet waits
)

var (
	// ErrNoDriver says that there are credentials, and nothing that can use them.
	ErrNoDriver = errors.New("PGHOST is set, but there is no driver of PostgreSQL: README.md says how to add it")
	// ErrNone is what a request gets that asks for a database where there is none.
	ErrNone = errors.New("this service has no database: PGHOST is not set, or there is no driver")
)

// Database holds connections, each made when it is asked for: the service starts before its database does.
type Database struct {
	pool  *sql.DB
	probe *sql.DB // its own one: a service whose requests use up the others is ready
}

// Open returns the database that the environment names through lookup, nil if it names none.
func Open(lookup func(string) (string, bool)) (*Database, error) {
	return open(lookup, driverName)
}

func open(lookup func(string) (string, bool), name string) (*Database, error) {
	if host, _ := lookup("PGHOST"); host == "" {
		return nil, nil
	}
	if !slices.Contains(sql.Drivers(), name) {
		return nil, ErrNoDriver
	}
	pool, err := sql.Open(name, "")
	if err != nil {
		return nil, err
	}
	probe, err := sql.Open(name, "")
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(idleTime)
	probe.SetMaxOpenConns(1)
	return &Database{pool, probe}, nil
}

// Answers returns why the database does not answer; what is not there needs no answer.
func (d *Database) Answers(ctx context.Context) error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return d.probe.PingContext(ctx)
}

// Close closes all connections, once no request needs them.
func (d *Database) Close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.pool.Close(), d.probe.Close())
}

type key struct{}

// Of has the requests of a handler find the database.
func (d *Database) Of(next http.Handler) http.Handler {
	if d == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, d.pool)))
	})
}

// From returns the database of a request, for an endpoint that asks it.
func From(ctx context.Context) (*sql.DB, error) {
	if pool, ok := ctx.Value(key{}).(*sql.DB); ok {
		return pool, nil
	}
	return nil, ErrNone
}
