// What the page's validator says of values, and what Ajv says as Backstage's form uses it. Bundled by esbuild in the
// folder of the page's packages; writes one JSON line: how many were compared, and where they differ.
import { customizeValidator } from '@rjsf/validator-ajv8';
import ajvErrors from 'ajv-errors';
import { validator as ours } from './src/form/validator.js';
import { split } from './src/form/schema.js';

const theirs = customizeValidator();
ajvErrors(theirs.ajv);

const text = { type: 'string' };
const FORMS = [
  {
    required: ['name', 'port'],
    properties: {
      name: { title: 'Name', type: 'string', minLength: 2, maxLength: 4, pattern: '^[a-z]+$' },
      port: { type: 'integer', minimum: 1, maximum: 9, multipleOf: 2 },
      ratio: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 5 },
      list: { title: 'List', type: 'array', items: { type: 'string', enum: ['x', 'y'] }, minItems: 1, maxItems: 2 },
      url: { type: 'string', format: 'uri' },
      mail: { title: 'Mail', type: 'string', format: 'email' },
      code: { type: 'string', pattern: '^[A-Z]+$', errorMessage: { pattern: 'capitals, please' } },
    },
  },
  {
    properties: { kind: { type: 'string', enum: ['plain', 'q'] } },
    if: { properties: { kind: { const: 'q' } }, required: ['kind'] },
    then: { required: ['why'], properties: { why: { title: 'Why', type: 'string', minLength: 1 } } },
    else: { required: ['port'], properties: { port: { type: 'number' } } },
  },
  {
    properties: {
      deep: { type: 'object', required: ['x'], additionalProperties: false, properties: { x: text } },
      any: { anyOf: [text, { type: 'number' }] },
      one: { oneOf: [{ const: 1, title: 'one' }, { const: 2, title: 'two' }] },
      no: { not: { const: 'x' } },
      maybe: { type: ['string', 'null'] },
    },
  },
  {
    definitions: { small: { type: 'string', pattern: '^n' } },
    properties: { name: { $ref: '#/definitions/small' }, list: { type: 'array', items: { $ref: '#/definitions/small' } } },
    allOf: [{ if: { properties: { name: { const: 'nn' } }, required: ['name'] }, then: { required: ['list'] } }],
  },
  {
    properties: { database: { type: 'boolean', 'ui:widget': 'radio' } },
    dependencies: {
      database: {
        oneOf: [
          { properties: { database: { const: false } } },
          { properties: { database: { const: true }, engine: { ...text, enum: ['q', 'x'] } }, required: ['engine'] },
        ],
      },
    },
  },
  { properties: { url: text, mail: text }, dependencies: { url: ['mail'], mail: { required: ['kind'] } } },
];
const NAMES = ['name', 'port', 'ratio', 'list', 'url', 'mail', 'code', 'kind', 'why', 'deep', 'any', 'one', 'no', 'maybe', 'database', 'engine'];
const VALUES = ['', 'x', 'nn', 'q', 'abcde', 'No Good!', 'ABC', 'http://a.example/b', 'a@b.example', 5, 0, 1, -2.5, true, false, null, [], ['x'], ['x', 'z', 'y'], {}, { x: 1, y: 2 }];

const said = (validator, values, schema) =>
  [...new Set(validator.validateFormData(values, schema).errors.map(one => `${(one.property ?? '').replace(/^\./, '')}: ${one.message}`))].sort();

let compared = 0;
const differences = [];
const compare = (what, values, theirs_, ours_) => {
  compared += 1;
  if (JSON.stringify(theirs_) !== JSON.stringify(ours_)) differences.push({ what, values, theirs: theirs_, ours: ours_ });
};
for (const [index, form] of FORMS.entries()) {
  const { schema } = split(form);
  const conditions = [schema.if, schema.allOf?.[0].if, ...(schema.dependencies?.database?.oneOf ?? [])].filter(Boolean);
  const own = NAMES.filter(name => JSON.stringify(schema).includes(`"${name}"`));
  for (const [at, value] of VALUES.entries()) {
    for (const [place, name] of own.entries()) {
      const other = own[(place + 1) % own.length];
      for (const values of [{ [name]: value }, { [name]: value, [other]: VALUES[(at * 7 + place) % VALUES.length] }]) {
        compare(index, values, said(theirs, values, schema), said(ours, values, schema));
        for (const one of conditions) compare(one, values, theirs.isValid(one, values, schema), ours.isValid(one, values, schema));
      }
    }
  }
}
console.log(JSON.stringify({ compared, differences: differences.slice(0, 5), count: differences.length }));
