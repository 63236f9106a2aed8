// The validator that react-jsonschema-form asks: JSON Schema read, not compiled, so that no script is made of a text.
// The messages are those of Ajv, which Backstage shows.
import { Validator } from '@cfworker/json-schema';
import {
  createErrorHandler,
  getDefaultFormState,
  toErrorList,
  toErrorSchema,
  unwrapErrorHandler,
  validationDataMerge,
} from '@rjsf/utils';
import get from 'lodash-es/get';

const DRAFT = '7';
const SUMMARIES = new Set(['properties', 'items', 'allOf', 'then', 'else', '$ref', 'dependentSchemas', 'patternProperties', 'false']);
const MISSING = /^Instance has "(.*)" but does not have "(.*)"\.$/s;

export const validator = {
  isValid: (schema, formData, rootSchema) => {
    try {
      return new Validator(withDefinitions(schema, rootSchema), DRAFT, true).validate(plain(formData)).valid;
    } catch {
      return false; // an author is still writing the schema
    }
  },

  rawValidation: (schema, formData) => {
    try {
      const { valid, errors } = new Validator(schema, DRAFT, false).validate(plain(formData));
      return { errors: valid ? [] : distinct(leaves(errors).flatMap(one => described(one, schema, formData))) };
    } catch (error) {
      return { errors: [], validationError: error };
    }
  },

  validateFormData(formData, schema, customValidate, transformErrors, uiSchema) {
    const raw = this.rawValidation(schema, formData);
    const broken = raw.validationError;
    let errors = broken ? [{ stack: `The form's schema cannot be used: ${broken.message}` }] : raw.errors;
    if (transformErrors) errors = transformErrors(errors, uiSchema);
    const errorSchema = toErrorSchema(errors);
    if (!customValidate) return { errors, errorSchema };
    const filled = getDefaultFormState(this, schema, formData, schema, true);
    const handled = customValidate(filled, createErrorHandler(filled), uiSchema);
    return validationDataMerge({ errors, errorSchema }, unwrapErrorHandler(handled));
  },

  toErrorList,
};

/** Undefined members are none, as in what is sent. */
const plain = value => (value === undefined ? {} : JSON.parse(JSON.stringify(value)));

const withDefinitions = (schema, root) =>
  root?.definitions && typeof schema === 'object' ? { definitions: root.definitions, ...schema } : schema;

/** The errors themselves, without those that only say that something below is wrong. */
function leaves(errors) {
  const inConditions = one => /\/(not|if)(\/|$)/.test(one.keywordLocation.slice(0, -one.keyword.length - 1));
  return errors.filter(one => !SUMMARIES.has(one.keyword) && !inConditions(one));
}

/** What is said of one place once, however often the validator comes by. */
function distinct(errors) {
  return [...new Map(errors.map(one => [`${one.property} ${one.message}`, one])).values()];
}

function described({ keyword, keywordLocation, instanceLocation, error }, root, formData) {
  const place = pointer(instanceLocation);
  const schema = schemaAt(root, pointer(keywordLocation).slice(0, -1)) ?? root;
  const value = place.length ? get(formData, place) : formData;
  const path = place.map(one => `.${one}`).join('');
  const named = text => schema?.errorMessage?.[keyword] ?? (typeof schema?.errorMessage === 'string' ? schema.errorMessage : text);
  const made = (property, message, title) => ({
    name: keyword,
    property,
    message,
    stack: title ? `'${title}' ${message}` : message,
    params: {},
  });
  if (keyword === 'additionalProperties') {
    return schema.additionalProperties === false ? [made(path || '.', named('must NOT have additional properties'))] : [];
  }
  if (keyword === 'dependencies') {
    const [, given, missing] = MISSING.exec(error) ?? [];
    if (!missing) return []; // a schema, whose own errors follow
    const all = schema.dependencies[given];
    const what = all.length > 1 ? `properties ${all.join(', ')}` : `property ${missing}`;
    return [made(`${path}.${missing}`, named(`must have ${what} when property ${given} is present`))];
  }
  if (keyword === 'required') {
    const missing = (schema.required ?? []).filter(name => value?.[name] === undefined);
    return missing.map(name => {
      const title = schema.properties?.[name]?.title ?? name;
      return made(`${path}.${name}`, named(`must have required property '${title}'`));
    });
  }
  return [made(path || '.', named(message(keyword, schema, error)), schema?.title ?? place.at(-1))];
}

function message(keyword, schema, fallback) {
  const bound = schema?.[keyword];
  switch (keyword) {
    case 'minLength':
      return `must NOT have fewer than ${bound} characters`;
    case 'maxLength':
      return `must NOT have more than ${bound} characters`;
    case 'minItems':
      return `must NOT have fewer than ${bound} items`;
    case 'maxItems':
      return `must NOT have more than ${bound} items`;
    case 'minimum':
      return `must be >= ${bound}`;
    case 'maximum':
      return `must be <= ${bound}`;
    case 'exclusiveMinimum':
      return `must be > ${bound}`;
    case 'exclusiveMaximum':
      return `must be < ${bound}`;
    case 'multipleOf':
      return `must be multiple of ${bound}`;
    case 'pattern':
      return `must match pattern "${bound}"`;
    case 'format':
      return `must match format "${bound}"`;
    case 'type':
      return `must be ${[].concat(bound).join(',')}`;
    case 'enum':
      return 'must be equal to one of the allowed values';
    case 'const':
      return 'must be equal to constant';
    case 'uniqueItems':
      return 'must NOT have duplicate items';
    case 'oneOf':
      return 'must match exactly one schema in oneOf';
    case 'anyOf':
      return 'must match a schema in anyOf';
    case 'not':
      return 'must NOT be valid';
    case 'if':
      return `must match ${/"\w+"/.exec(fallback)?.[0]} schema`;
    default:
      return fallback;
  }
}

/** The part of a schema that a path leads to, through references within it. */
function schemaAt(root, path) {
  let node = root;
  for (const step of path) node = step === '$ref' ? get(root, pointer(node?.$ref ?? '')) : node?.[step];
  return node;
}

/** `#/a~1b/0` as `['a/b', '0']`. */
function pointer(text) {
  const parts = text.replace(/^#\/?/, '').split('/');
  return parts.filter(Boolean).map(one => decodeURIComponent(one).replaceAll('~1', '/').replaceAll('~0', '~'));
}
