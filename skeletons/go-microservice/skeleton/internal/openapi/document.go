// Package openapi describes operations and the Go types of their bodies in OpenAPI 3.1.
package openapi

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Operation is what callers should know about an endpoint.
type Operation struct {
	ID           string // getOrder
	Method, Path string // GET /orders/{id}
	Summary      string
	Tags         []string
	Status       int          // of an answer without error
	Body, Answer reflect.Type // nil for none
}

type object = map[string]any

var parameter = regexp.MustCompile(`\{([^}]+)\}`)

// Pattern is the path as net/http takes it: one that ends with a slash would match all below it.
func (o Operation) Pattern() string {
	if strings.HasSuffix(o.Path, "/") {
		return o.Path + "{$}"
	}
	return o.Path
}

// Document returns the description of all operations as YAML. The same operations give the same text, in any order.
func Document(title, description string, operations []Operation) string {
	types := schemas{"Failure": object{
		"type": "object", "required": []any{"detail"}, "properties": object{"detail": object{"type": "string"}},
	}}
	paths := object{}
	for _, one := range operations {
		path, ok := paths[one.Path].(object)
		if !ok {
			path = object{}
			paths[one.Path] = path
		}
		path[strings.ToLower(one.Method)] = one.described(types)
	}
	return yamlText(object{
		"openapi":    "3.1.0",
		"info":       object{"title": title, "description": description, "version": "1.0.0"},
		"paths":      paths,
		"components": object{"schemas": object(types)},
	})
}

func (o Operation) described(types schemas) object {
	result := object{
		"operationId": o.ID,
		"summary":     o.Summary,
		"responses": object{
			strconv.Itoa(o.Status): withContent(object{"description": "Done"}, types.of(o.Answer)),
			"default":              withContent(object{"description": "Failed"}, reference("Failure")),
		},
	}
	if len(o.Tags) > 0 {
		result["tags"] = o.Tags
	}
	if o.Body != nil {
		result["requestBody"] = withContent(object{"required": true}, types.of(o.Body))
	}
	var parameters []any
	for _, found := range parameter.FindAllStringSubmatch(o.Path, -1) {
		parameters = append(parameters, object{
			"name": found[1], "in": "path", "required": true, "schema": object{"type": "string"},
		})
	}
	if parameters != nil {
		result["parameters"] = parameters
	}
	return result
}

func withContent(described, schema object) object {
	if schema != nil {
		described["content"] = object{"application/json": object{"schema": schema}}
	}
	return described
}

func reference(name string) object {
	return object{"$ref": "#/components/schemas/" + name}
}

func sortedKeys(values object) []string {
	return slices.Sorted(maps.Keys(values))
}
