package openapi

import (
	"slices"
	"strings"
)

var quotes = strings.NewReplacer(`"`, "", `'`, "")

// Same says whether two descriptions, as Document writes them, differ in nothing but order, quotes and comments.
func Same(one, other string) bool {
	return slices.Equal(sayings(one), sayings(other))
}

// sayings returns each line behind the lines that it stands below, in an order that has nothing to do with theirs.
func sayings(text string) []string {
	var above, found []string
	for _, line := range strings.Split(text, "\n") {
		bare := strings.TrimSpace(line)
		if bare == "" || strings.HasPrefix(bare, "#") {
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		above = append(above[:min(depth, len(above))], quotes.Replace(bare))
		found = append(found, strings.Join(above, "\n"))
	}
	slices.Sort(found)
	return found
}
