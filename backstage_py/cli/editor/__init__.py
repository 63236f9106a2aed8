"""What editors get: the JSON Schema of templates, and what the language server knows of a project."""
