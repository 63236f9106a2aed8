"""The names that expressions and forms may use in Backstage 4.3.0, without importing what implements them.

A test compares the names of filters, tests and globals with the template engine's own tables.
"""

FILTERS = frozenset(
    [
        "abs",
        "batch",
        "capitalize",
        "center",
        "d",
        "default",
        "dictsort",
        "dump",
        "e",
        "escape",
        "first",
        "float",
        "forceescape",
        "groupby",
        "indent",
        "int",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "nl2br",
        "random",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
        "selectattr",
        "slice",
        "sort",
        "string",
        "striptags",
        "sum",
        "title",
        "trim",
        "truncate",
        "upper",
        "urlencode",
        "urlize",
        "wordcount",
    ]
)
"""Filters of the language."""

BACKSTAGE_FILTERS = frozenset({"parseRepoUrl", "parseEntityRef", "pick", "projectSlug"})
COOKIECUTTER_FILTERS = frozenset({"jsonify"})

TESTS = frozenset(
    [
        "callable",
        "defined",
        "divisibleby",
        "equalto",
        "eq",
        "sameas",
        "escaped",
        "even",
        "falsy",
        "ge",
        "greaterthan",
        "gt",
        "iterable",
        "le",
        "lessthan",
        "lower",
        "lt",
        "mapping",
        "ne",
        "null",
        "number",
        "odd",
        "string",
        "truthy",
        "undefined",
        "upper",
    ]
)
GLOBALS = frozenset({"range", "cycler", "joiner"})
NOTHING = frozenset({"undefined"})
"""A name that is meant to be nothing: ``a if b else undefined`` leaves the property out."""
TEXT_METHODS = frozenset(
    [
        "charAt",
        "charCodeAt",
        "concat",
        "endsWith",
        "includes",
        "indexOf",
        "lastIndexOf",
        "replace",
        "slice",
        "split",
        "startsWith",
        "substring",
        "toLowerCase",
        "toUpperCase",
        "trim",
        "trimEnd",
        "trimStart",
    ]
)
NUMBER_METHODS = frozenset({"toExponential", "toFixed", "toPrecision", "toString"})
LIST_METHODS = frozenset(
    [
        "at",
        "concat",
        "copyWithin",
        "fill",
        "flat",
        "includes",
        "indexOf",
        "join",
        "lastIndexOf",
        "pop",
        "push",
        "reverse",
        "shift",
        "slice",
        "sort",
        "splice",
        "unshift",
    ]
)
OTHER_METHODS = frozenset({"add", "clear", "delete", "entries", "get", "has", "keys", "set", "test", "values"})
"""Methods of maps, sets and regular expressions."""

COOKIECUTTER_METHODS = frozenset(
    {"append", "count", "find", "get", "has_key", "index", "insert", "items", "keys", "remove", "values"}
)
STEP_GLOBALS = frozenset({"always", "failure", "vault"})
STEP_ROOTS = frozenset({"parameters", "steps", "user", "each", "secrets", "environment", "context"})
"""What expressions of a template's steps and output can start with."""

FIELDS = frozenset(
    [
        "EntityNamePicker",
        "EntityPicker",
        "EntityTagsPicker",
        "MultiEntityPicker",
        "MyGroupsPicker",
        "OwnedEntityPicker",
        "OwnerPicker",
        "RepoBranchPicker",
        "RepoOwnerPicker",
        "RepoUrlPicker",
        "Secret",
    ]
)
"""Values of ``ui:field`` that the scaffolder's form has built in."""

WIDGETS = frozenset(
    [
        "alt-date",
        "alt-datetime",
        "checkbox",
        "checkboxes",
        "color",
        "date",
        "date-time",
        "datetime",
        "email",
        "file",
        "files",
        "data-url",
        "hidden",
        "password",
        "radio",
        "range",
        "select",
        "text",
        "textarea",
        "time",
        "updown",
        "up-down",
        "uri",
        "url",
    ]
)
_OF_NUMBERS = frozenset({"text", "select", "updown", "range", "radio", "hidden"})
WIDGETS_OF_TYPES: dict[str, frozenset[str]] = {
    "boolean": frozenset({"checkbox", "radio", "select", "hidden"}),
    "number": _OF_NUMBERS,
    "integer": _OF_NUMBERS,
    "array": frozenset({"select", "checkboxes", "files", "hidden"}),
    "string": WIDGETS - {"checkbox", "checkboxes", "files", "range", "updown", "up-down"},
}
"""Widgets by type, of ``@rjsf/utils`` 5.24.13; the form ends with an error at any other."""

UI_KEYS = frozenset(
    [
        "ui:field",
        "ui:widget",
        "ui:options",
        "ui:order",
        "ui:autofocus",
        "ui:help",
        "ui:placeholder",
        "ui:disabled",
        "ui:readonly",
        "ui:description",
        "ui:title",
        "ui:emptyValue",
        "ui:enumNames",
        "ui:enumDisabled",
        "ui:enumOrder",
        "ui:rootFieldId",
        "ui:hideError",
        "ui:classNames",
        "ui:style",
        "ui:autocomplete",
        "ui:inputType",
        "ui:backstage",
        "ui:label",
        "ui:submitButtonOptions",
        "ui:enableMarkdownInDescription",
        "ui:duplicateKeySuffixSeparator",
        "ui:globalOptions",
        "ui:fieldReplacesAnyOrOneOf",
        "ui:ObjectFieldTemplate",
        "ui:ArrayFieldTemplate",
        "ui:FieldTemplate",
        "ui:rows",
        "ui:accept",
        "ui:filePreview",
        "ui:inline",
        "ui:removable",
        "ui:addable",
        "ui:orderable",
        "ui:copyable",
    ]
)
_ENTITY_PICKER = frozenset(
    {"catalogFilter", "defaultKind", "defaultNamespace", "allowArbitraryValues", "allowedKinds", "autoSelect"}
)
_GENERAL = frozenset(
    [
        "widget",
        "rows",
        "inline",
        "inputType",
        "label",
        "title",
        "description",
        "help",
        "placeholder",
        "disabled",
        "readonly",
        "order",
        "autofocus",
        "autocomplete",
        "emptyValue",
        "enumNames",
        "enumDisabled",
        "classNames",
        "style",
        "addable",
        "orderable",
        "removable",
        "copyable",
        "hideError",
        "accept",
        "filePreview",
        "enumOptions",
    ]
)
FIELD_OPTIONS: dict[str, frozenset[str]] = {
    "RepoUrlPicker": frozenset(
        [
            "allowedHosts",
            "allowedOrganizations",
            "allowedOwners",
            "allowedProjects",
            "allowedRepos",
            "requestUserCredentials",
        ]
    ),
    "RepoBranchPicker": frozenset({"requestUserCredentials"}),
    "RepoOwnerPicker": frozenset({"host", "allowedOwners", "excludedOwners", "requestUserCredentials"}),
    "EntityPicker": _ENTITY_PICKER,
    "MultiEntityPicker": _ENTITY_PICKER,
    "OwnedEntityPicker": _ENTITY_PICKER,
    "OwnerPicker": _ENTITY_PICKER,
    "EntityTagsPicker": frozenset({"kinds", "showCounts", "helperText"}),
}
"""Options per field; those of ``GENERAL_OPTIONS`` go with every field."""

GENERAL_OPTIONS = _GENERAL
CREDENTIAL_KEYS = frozenset({"secretsKey", "additionalScopes"})
"""Keys of ``requestUserCredentials``."""
SCOPED_HOSTS = frozenset({"azure", "bitbucket", "gerrit", "gitea", "github", "gitlab"})
"""Keys of its ``additionalScopes``."""
GIVING_TEXT = frozenset(
    [
        *("lower", "upper", "capitalize", "title", "trim", "replace", "dump", "indent", "string", "projectSlug"),
        *("join", "truncate", "center", "urlencode", "nl2br", "striptags"),
    ]
)
"""Filters that give a text."""
TEXT_FORMATS = frozenset(
    [
        *("date-time", "date", "time", "duration", "iso-date-time", "iso-time"),
        *("email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uuid"),
        *("uri", "uri-reference", "uri-template", "iri", "iri-reference", "url"),
        *("json-pointer", "relative-json-pointer", "regex", "byte", "binary", "password"),
        *("data-url", "color"),
    ]
)
"""Formats of texts: those of JSON Schema, of ``ajv-formats`` and of the form's library."""

CATALOG_FILTER_ROOTS = frozenset({"apiversion", "kind", "metadata", "spec", "relations", "status"})
"""What the path of a field of ``catalogFilter`` can begin with."""


STEP_KEYS = frozenset({"id", "name", "action", "input", "if", "each", "backstage:permissions"})
PAGE_KEYS = frozenset({"title", "description", "required", "properties", "dependencies", "when", "ui:order"})
SPEC_KEYS = frozenset(
    [
        "type",
        "owner",
        "lifecycle",
        "parameters",
        "steps",
        "output",
        "presentation",
        "secrets",
        "formDecorators",
        "EXPERIMENTAL_formDecorators",
        "EXPERIMENTAL_recovery",
        "system",
    ]
)
SCHEMA_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
SCHEMA_KEYS = frozenset(
    [
        "$id",
        "$ref",
        "$schema",
        "additionalItems",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "contains",
        "default",
        "definitions",
        "dependencies",
        "description",
        "else",
        "enum",
        "enumNames",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "if",
        "items",
        "maximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "propertyNames",
        "readOnly",
        "required",
        "then",
        "title",
        "type",
        "uniqueItems",
        "writeOnly",
    ]
)
FOREIGN_SCHEMA_KEYS: dict[str, dict[str, str]] = {
    "min": {"string": "minLength", "array": "minItems", "number": "minimum", "integer": "minimum"},
    "max": {"string": "maxLength", "array": "maxItems", "number": "maximum", "integer": "maximum"},
    "minlen": {"string": "minLength", "array": "minItems"},
    "maxlen": {"string": "maxLength", "array": "maxItems"},
    "minlength": {"array": "minItems", "number": "minimum", "integer": "minimum"},
    "maxlength": {"array": "maxItems", "number": "maximum", "integer": "maximum"},
    "minimum": {"string": "minLength", "array": "minItems"},
    "maximum": {"string": "maxLength", "array": "maxItems"},
    "minitems": {"string": "minLength", "number": "minimum", "integer": "minimum"},
    "maxitems": {"string": "maxLength", "number": "maximum", "integer": "maximum"},
    "unique": {"array": "uniqueItems"},
    "distinct": {"array": "uniqueItems"},
    "regex": {"string": "pattern"},
    "regexp": {"string": "pattern"},
    "choices": {"string": "enum", "number": "enum", "integer": "enum"},
}
"""What other languages, or other types, call keywords, and what JSON Schema calls them, by the type beside them."""
FOREIGN_CHOICE_KEYS = {"value": "const", "constant": "const", "label": "title", "name": "title", "values": "enum"}
"""The same in the choices of ``oneOf`` and ``anyOf``."""
