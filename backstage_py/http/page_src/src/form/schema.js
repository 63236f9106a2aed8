// A page of a template as react-jsonschema-form wants it: the `ui:` keys that templates write beside the schema's own
// are moved to a tree of their own, as Backstage does.

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns `{schema, uiSchema}` of a page. */
export function split(page) {
  const schema = structuredClone(page);
  const uiSchema = {};
  take(schema, uiSchema);
  return { schema, uiSchema };
}

function take(schema, ui) {
  if (!isObject(schema)) return;
  for (const key of Object.keys(schema)) {
    if (key.startsWith('ui:')) {
      ui[key] = schema[key];
      delete schema[key];
    }
  }
  for (const [name, property] of Object.entries(isObject(schema.properties) ? schema.properties : {})) {
    if (!isObject(property)) continue;
    if (!isObject(ui[name])) ui[name] = {};
    take(property, ui[name]);
  }
  if (isObject(schema.items)) {
    ui.items = {};
    take(schema.items, ui.items);
  }
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].filter(Array.isArray).flat();
  const dependent = isObject(schema.dependencies) ? Object.values(schema.dependencies) : [];
  for (const branch of [...branches, ...dependent, schema.then, schema.else]) take(branch, ui);
}

/** The title that a value has in the form, by its name. */
export function titles(pages) {
  const found = {};
  const look = schema => {
    if (Array.isArray(schema)) return schema.forEach(look);
    if (!isObject(schema)) return;
    for (const [name, property] of Object.entries(isObject(schema.properties) ? schema.properties : {})) {
      if (isObject(property)) found[name] ??= property.title ?? name;
    }
    [schema.allOf, schema.anyOf, schema.oneOf, schema.then, schema.else].forEach(look);
    if (isObject(schema.dependencies)) Object.values(schema.dependencies).forEach(look);
  };
  pages.forEach(look);
  return found;
}

/** Whether a property's text goes to `secrets`; then the form holds asterisks only. */
export const isSecret = ui => /secret/i.test(String(ui?.['ui:field'] ?? ''));
