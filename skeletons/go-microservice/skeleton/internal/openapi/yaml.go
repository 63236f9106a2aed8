package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// yamlText writes objects, lists and scalars as YAML, keys sorted. Scalars are JSON, which is YAML.
func yamlText(value object) string {
	var out strings.Builder
	writeObject(&out, value, "")
	return out.String()
}

func writeObject(out *strings.Builder, value object, indent string) {
	for _, key := range sortedKeys(value) {
		shown := key
		if !plain.MatchString(key) {
			shown = scalar(key)
		}
		out.WriteString(indent + shown + ":")
		writeValue(out, value[key], indent+"  ")
	}
}

func writeValue(out *strings.Builder, value any, indent string) {
	if nested, ok := value.(object); ok && len(nested) > 0 {
		out.WriteString("\n")
		writeObject(out, nested, indent)
		return
	}
	if list := reflect.ValueOf(value); list.Kind() == reflect.Slice && list.Len() > 0 {
		out.WriteString("\n")
		for i := range list.Len() {
			var item strings.Builder
			writeValue(&item, list.Index(i).Interface(), indent+"  ")
			out.WriteString(indent + "- " + strings.TrimLeft(item.String(), "\n "))
		}
		return
	}
	out.WriteString(" " + scalar(value) + "\n")
}

func scalar(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("openapi: %v", err))
	}
	return string(text)
}
