package openapi

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// schemas are those of the named types that were met.
type schemas object

// of describes a type as encoding/json writes it. A struct with a name is described once and referred to.
func (s schemas) of(t reflect.Type) object {
	if t == nil {
		return nil
	}
	if t == reflect.TypeFor[time.Time]() {
		return object{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		return s.ofStruct(t)
	default:
		panic(fmt.Sprintf("openapi: %s is nothing that JSON knows", t))
	}
}

func (s schemas) ofStruct(t reflect.Type) object {
	if t.Name() == "" {
		return s.members(t)
	}
	if s[t.Name()] == nil {
		s[t.Name()] = object{} // met already, for a type that holds itself
		s[t.Name()] = s.members(t)
	}
	return reference(t.Name())
}

func (s schemas) members(t reflect.Type) object {
	properties := object{}
	required := []any{}
	for _, field := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		properties[name] = s.of(field.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
	}
	result := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		result["required"] = required
	}
	return result
}
