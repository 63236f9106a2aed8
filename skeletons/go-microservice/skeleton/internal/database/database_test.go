package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

var errGone = errors.New("gone")

// server is a driver of a database that is there or not.
type server struct{ isGone bool }

func (s *server) Open(string) (driver.Conn, error) { return s, s.Ping(context.Background()) }
func (s *server) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("nothing is asked in these tests")
}
func (s *server) Begin() (driver.Tx, error) {
	return nil, errors.New("nothing is changed in these tests")
}
func (s *server) Close() error { return nil }
func (s *server) Ping(context.Context) error {
	if s.isGone {
		return errGone
	}
	return nil
}

func named(string) (string, bool) { return "database.example.org", true }

func opened(t *testing.T) (*Database, *server) {
	t.Helper()
	there := &server{}
	sql.Register(t.Name(), there)
	database, err := open(named, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	return database, there
}

func TestItAnswersWhileItsServerDoes(t *testing.T) {
	database, there := opened(t)
	for _, isGone := range []bool{true, false, true} {
		there.isGone = isGone
		if err := database.Answers(t.Context()); errors.Is(err, errGone) != isGone {
			t.Errorf("gone %v: %v", isGone, err)
		}
	}
}

func TestARequestFindsIt(t *testing.T) {
	database, _ := opened(t)
	var found *sql.DB
	handler := database.Of(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		found, _ = From(r.Context())
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if found == nil || found.PingContext(t.Context()) != nil {
		t.Error("the request did not find the database")
	}
}

func TestWithoutPghostThereIsNone(t *testing.T) {
	database, err := Open(func(string) (string, bool) { return "", false })
	if database != nil || err != nil {
		t.Fatalf("%v, %v", database, err)
	}
	if err := errors.Join(database.Answers(t.Context()), database.Close()); err != nil {
		t.Error(err)
	}
	if _, err := From(t.Context()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestCredentialsWithoutADriverAreSaid(t *testing.T) {
	if _, err := open(named, "none"); !errors.Is(err, ErrNoDriver) {
		t.Error(err)
	}
}
