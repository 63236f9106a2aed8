// Backstage's own fields. Entities are those of the folder's catalog files, or made up where there are none.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { entities } from '../api.js';
import { Words } from '../parts.jsx';
import { Chips, Combobox } from './combobox.jsx';
import { PARTS, kindOfHost } from './hosts.js';

const TAG = /^[a-z0-9+#]+(-[a-z0-9+#]+)*$/;

/** What all fields are drawn in: label, control, errors, description. */
export function Frame({ id, title, required, rawErrors = [], description, note, children }) {
  return (
    <div class="field">
      <label for={id}>
        {title}
        {required && <Required />}
      </label>
      {children}
      <Errors id={id} errors={rawErrors} />
      <div id={`${id}__description`}>
        <Words text={description} class="help" />
        {note && <p class="help made-up">{note}</p>}
      </div>
    </div>
  );
}

export const Required = () => (
  <span class="required" aria-hidden="true">
    {' '}
    *
  </span>
);

export function Errors({ id, errors }) {
  if (!errors?.length) return null;
  return (
    <ul class="errors" id={`${id}__error`}>
      {[...new Set(errors)].map(one => (
        <li key={one}>{one}</li>
      ))}
    </ul>
  );
}

function useEntities(path, filter) {
  const [found, setFound] = useState({ entities: [], madeUp: false });
  const key = JSON.stringify(filter ?? null);
  useEffect(() => {
    let isCurrent = true;
    entities(path, JSON.parse(key)).then(
      answer => isCurrent && setFound(answer),
      () => {}, // the field still takes what is typed
    );
    return () => (isCurrent = false);
  }, [path, key]);
  return found;
}

const NOTE = 'Neither the folder nor the test file has such entities, so these are made up.';

function common({ idSchema, schema, uiSchema, required, rawErrors, disabled }, title, description) {
  const id = idSchema.$id;
  return {
    frame: {
      id,
      title: uiSchema['ui:title'] ?? schema.title ?? title,
      description: uiSchema['ui:description'] ?? schema.description ?? description,
      required,
      rawErrors,
    },
    control: {
      id,
      isRequired: required,
      isDisabled: disabled || uiSchema['ui:disabled'] === true,
      isInvalid: rawErrors?.length > 0,
      describedBy: `${id}__error ${id}__description`,
    },
  };
}

/** The reference that an entry means, complete, as Backstage stores it; anything else stays as it is. */
function reference(text, kind, namespace) {
  const [, k = kind, n = namespace || 'default', name] = /^(?:([^:/]+):)?(?:([^:/]+)\/)?([^:/]+)$/.exec(text) ?? [];
  return k && name ? `${k}:${n}/${name}`.toLowerCase() : text;
}

function entityOptions(found, kind, namespace = 'default') {
  return found.entities.map(one => {
    const short = kind ? one.ref.replace(`${kind.toLowerCase()}:`, '') : one.ref;
    const shown = namespace ? short.replace(`${namespace.toLowerCase()}/`, '') : short;
    return { value: one.ref, label: one.title ?? shown, note: one.title ? shown : one.type };
  });
}

const entityField = (title, description, presets = {}) =>
  function EntityField(props) {
    const options = { ...presets, ...props.uiSchema['ui:options'] };
    const { catalogFilter, allowedKinds, defaultKind, defaultNamespace, allowArbitraryValues = true } = options;
    const found = useEntities(props.formContext.path, catalogFilter ?? (allowedKinds && { kind: allowedKinds }));
    const { frame, control } = common(props, title, description);
    const listed = useMemo(() => entityOptions(found, defaultKind, defaultNamespace), [found, defaultKind, defaultNamespace]);
    const only = props.required && !allowArbitraryValues && listed.length === 1 ? listed[0].value : undefined;
    useEffect(() => {
      if (only && !props.formData) props.onChange(only);
    }, [only, props.formData]);
    const complete = text => (text ? reference(text, defaultKind, defaultNamespace) : undefined);
    const note = found.madeUp ? NOTE : undefined;
    const shared = { ...control, options: listed, isFree: allowArbitraryValues };
    return (
      <Frame {...frame} note={note}>
        {presets.isMany ? (
          <Chips {...shared} values={props.formData ?? []} onChange={all => props.onChange(all.map(complete))} />
        ) : (
          <Combobox {...shared} value={props.formData} onChange={one => props.onChange(complete(one))} />
        )}
      </Frame>
    );
  };

function EntityTagsPicker(props) {
  const { kinds, helperText } = props.uiSchema['ui:options'] ?? {};
  const found = useEntities(props.formContext.path, kinds && { kind: kinds });
  const { frame, control } = common(props, 'Tags', "Add any relevant tags, hit 'Enter' to add new tags. Valid format: [a-z0-9+#] separated by [-], at most 63 characters");
  const tags = [...new Set(found.entities.flatMap(one => one.tags))].sort();
  const [refused, setRefused] = useState();
  const change = all => {
    const added = all.map(one => one.toLowerCase().trim());
    const wrong = added.find(one => !TAG.test(one) || one.length > 63);
    setRefused(wrong);
    if (!wrong) props.onChange(added);
  };
  const errors = refused ? [...(props.rawErrors ?? []), `${refused} is no tag`] : props.rawErrors;
  return (
    <Frame {...frame} rawErrors={errors} description={helperText ?? frame.description}>
      <Chips {...control} options={tags.map(value => ({ value, label: value }))} isFree values={props.formData ?? []} onChange={change} />
    </Frame>
  );
}

function EntityNamePicker(props) {
  const { frame, control } = common(props, 'Name', 'Unique name of the component');
  return (
    <Frame {...frame}>
      <Text control={control} value={props.formData} onChange={props.onChange} />
    </Frame>
  );
}

function Text({ control, value, onChange, type = 'text' }) {
  return (
    <input
      type={type}
      id={control.id}
      value={value ?? ''}
      required={control.isRequired}
      disabled={control.isDisabled}
      aria-invalid={control.isInvalid || undefined}
      aria-describedby={control.describedBy}
      autoComplete="off"
      onInput={event => onChange(event.target.value || undefined)}
    />
  );
}

/** The text goes to `secrets`, an asterisk for each character to the values. */
function Secret(props) {
  const { frame, control } = common(props, 'Secret');
  const { secrets, setSecret } = props.formContext;
  const change = text => {
    setSecret(props.name, text);
    props.onChange(text ? '*'.repeat(text.length) : undefined);
  };
  return (
    <Frame {...frame} note="Kept in this page only, and never recorded.">
      <Text control={control} type="password" value={secrets[props.name]} onChange={change} />
    </Frame>
  );
}

function parts(url) {
  const [host, query] = String(url ?? '').split('?');
  return { host, ...Object.fromEntries(new URLSearchParams(query)) };
}

const ORDER = ['owner', 'repo', 'organization', 'workspace', 'project'];

function joined({ host, ...given }) {
  const query = new URLSearchParams(ORDER.filter(name => given[name]).map(name => [name, given[name]]));
  return host ? `${host}?${query}` : undefined;
}

function RepoUrlPicker(props) {
  const options = props.uiSchema['ui:options'] ?? {};
  const { frame, control } = common(props, undefined);
  const hosts = options.allowedHosts?.length ? options.allowedHosts : ['github.com'];
  const state = { host: hosts[0], ...Object.fromEntries(Object.entries(parts(props.formData)).filter(([, one]) => one)) };
  const listed = PARTS[kindOfHost(state.host)];
  const firsts = Object.fromEntries([...listed, ['repo', '', 'allowedRepos']].map(([key, , allowed]) => [key, options[allowed]?.[0]]));
  const filled = joined({ ...Object.fromEntries(Object.entries(firsts).filter(([, one]) => one)), ...state });
  useEffect(() => {
    if (filled !== props.formData) props.onChange(filled);
  }, [filled, props.formData]);
  const set = (key, value) => props.onChange(joined({ ...parts(filled), [key]: value }));
  const now = parts(filled);
  const labels = { owner: options.ownerLabel, repo: options.repoLabel };
  const notes = { owner: options.ownerDescription, repo: options.repoDescription };
  return (
    <fieldset class="group" id={frame.id}>
      {frame.title && <legend>{frame.title}</legend>}
      <Words text={frame.description} class="help" />
      <Part id={`${frame.id}_host`} title="Host" choices={hosts} control={control} value={now.host} onChange={value => set('host', value)} />
      {listed.map(([key, title, allowed]) => (
        <Part
          key={key}
          id={`${frame.id}_${key}`}
          title={labels[key] ?? title}
          description={notes[key]}
          choices={options[allowed]}
          control={control}
          value={now[key]}
          onChange={value => set(key, value)}
        />
      ))}
      <Part
        id={`${frame.id}_repo`}
        title={labels.repo ?? 'Repository'}
        description={notes.repo}
        choices={options.allowedRepos}
        control={control}
        value={now.repo}
        onChange={value => set('repo', value)}
      />
      <Errors id={frame.id} errors={props.rawErrors} />
    </fieldset>
  );
}

/** One part of a repository: chosen where the template says which are allowed, else typed. */
function Part({ id, title, description, choices, control, value, onChange }) {
  const own = { ...control, id, describedBy: `${id}__description` };
  return (
    <Frame id={id} title={title} description={description} required={control.isRequired}>
      {choices?.length ? (
        <select id={id} value={value} disabled={choices.length === 1 || own.isDisabled} onChange={event => onChange(event.target.value)}>
          {choices.map(one => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : (
        <Text control={own} value={value} onChange={onChange} />
      )}
    </Frame>
  );
}

const plainField = (title, description) =>
  function PlainField(props) {
    const { frame, control } = common(props, title, description);
    return (
      <Frame {...frame}>
        <Text control={control} value={props.formData} onChange={props.onChange} />
      </Frame>
    );
  };

const GROUPS_AND_USERS = { allowedKinds: ['Group', 'User'], defaultKind: 'Group' };

export const FIELDS = {
  EntityPicker: entityField('Entity', 'An entity from the catalog'),
  MultiEntityPicker: entityField('Entity', 'An entity from the catalog', { isMany: true }),
  OwnerPicker: entityField('Owner', 'The owner of the component', GROUPS_AND_USERS),
  OwnedEntityPicker: entityField('Entity', 'An entity from the catalog'),
  MyGroupsPicker: entityField('Entity', 'An entity from the catalog', { catalogFilter: { kind: 'Group' }, defaultKind: 'Group', allowArbitraryValues: false }),
  EntityTagsPicker,
  EntityNamePicker,
  RepoUrlPicker,
  RepoBranchPicker: plainField('Branch', 'The branch of the repository'),
  RepoOwnerPicker: plainField('Owner', 'The owner of the repository'),
  Secret,
};
