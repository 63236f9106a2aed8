package openapi

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

type item struct {
	Name  string   `json:"name"`
	Parts []item   `json:"parts,omitempty"`
	Price *float64 `json:"price,omitempty"`
}

type order struct {
	ID      string            `json:"id"`
	Made    time.Time         `json:"made"`
	Count   int               `json:"count"`
	Open    bool              `json:"open"`
	Items   []item            `json:"items"`
	Labels  map[string]string `json:"labels"`
	Extra   any               `json:"extra,omitempty"`
	Hidden  string            `json:"-"`
	private string
}

var _ = order{private: "never sent"}

func operations() []Operation {
	return []Operation{
		{ID: "putOrder", Method: http.MethodPut, Path: "/orders/{id}", Status: 201, Tags: []string{"orders"},
			Body: reflect.TypeFor[item](), Answer: reflect.TypeFor[order]()},
		{ID: "dropOrder", Method: http.MethodDelete, Path: "/orders/{id}", Status: 204},
	}
}

func TestTypesAreDescribedAsJSONWritesThem(t *testing.T) {
	text := Document("shop", "A \"shop\"", operations())
	for _, want := range []string{
		"openapi: \"3.1.0\"\n",
		"  description: \"A \\\"shop\\\"\"\n",
		"  \"/orders/{id}\":\n    delete:\n",
		"      operationId: \"putOrder\"\n      parameters:\n        - in: \"path\"\n          name: \"id\"\n",
		"        \"201\":\n          content:\n",
		"        \"204\":\n          description: \"Done\"\n",
		"                $ref: \"#/components/schemas/order\"\n",
		"        made:\n          format: \"date-time\"\n          type: \"string\"\n",
		"        labels:\n          additionalProperties:\n            type: \"string\"\n",
		"        extra: {}\n",
		"      required:\n        - \"id\"\n        - \"made\"\n",
		"          items:\n            \"$ref\": \"#/components/schemas/item\"\n",
		"      tags:\n        - \"orders\"\n",
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, "$ref:", "\"$ref\":")) {
			t.Errorf("missing:\n%sin:\n%s", want, text)
		}
	}
	for _, hidden := range []string{"Hidden", "private"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%s is described, and never sent", hidden)
		}
	}
}

func TestTheOrderOfOperationsChangesNothing(t *testing.T) {
	first := operations()
	second := []Operation{first[1], first[0]}
	if Document("shop", "", first) != Document("shop", "", second) {
		t.Error("two texts for the same operations")
	}
}

func TestAPathIsNotItsSubtree(t *testing.T) {
	for path, want := range map[string]string{"/": "/{$}", "/orders": "/orders", "/orders/": "/orders/{$}"} {
		if got := (Operation{Path: path}).Pattern(); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestWhatJSONCannotHoldIsNoted(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel was described")
		}
	}()
	Document("shop", "", []Operation{{Path: "/", Answer: reflect.TypeFor[chan int]()}})
}

func TestOrderAndQuotesAreNoDifference(t *testing.T) {
	text := Document("shop", "", operations())
	head, paths, _ := strings.Cut(text, "paths:\n")
	moved := "# by hand\npaths:\n" + strings.ReplaceAll(paths, `"`, "'") + "\n" + head
	if !Same(moved, text) {
		t.Errorf("not the same:\n%s", moved)
	}
	for _, other := range []string{
		strings.Replace(text, "putOrder", "makeOrder", 1),
		strings.Replace(text, "delete:", "patch:", 1),
		strings.Replace(text, "      tags:\n        - \"orders\"\n", "", 1),
		strings.Replace(text, "        id:\n          type: \"string\"\n", "", 1),
		text + "security: []\n",
	} {
		if other == text || Same(other, text) {
			t.Errorf("the same:\n%s", other)
		}
	}
}
