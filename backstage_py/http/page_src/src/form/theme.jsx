// How react-jsonschema-form draws: its own widgets, with the frame, texts and buttons of this page.
import { ariaDescribedByIds, getTemplate, getUiOptions } from '@rjsf/utils';
import { Icon, Words } from '../parts.jsx';
import { Errors, FIELDS, Required } from './fields.jsx';

function FieldTemplate(props) {
  const { id, label, children, rawErrors, rawDescription, rawHelp, required, hidden, displayLabel, registry, schema, uiSchema } = props;
  if (hidden) return <div hidden>{children}</div>;
  const Wrap = getTemplate('WrapIfAdditionalTemplate', registry, getUiOptions(uiSchema));
  const drawnBy = uiSchema?.['ui:field'];
  const isOwn = typeof drawnBy === 'string' && drawnBy in FIELDS;
  const isUnknown = typeof drawnBy === 'string' && !(drawnBy in registry.fields);
  const isGroup = schema.type === 'object' || (schema.type === 'array' && !displayLabel);
  const isBox = schema.type === 'boolean' && !displayLabel;
  return (
    <Wrap {...props}>
      {isOwn ? (
        children
      ) : (
        <div class={`field ${isBox ? 'box' : ''} ${isGroup ? 'grouped' : ''}`}>
          {displayLabel && (
            <label for={id}>
              {label}
              {required && <Required />}
            </label>
          )}
          {children}
          {!isGroup && <Errors id={id} errors={rawErrors} />}
          {!isGroup && <Words text={rawHelp ?? rawDescription} class="help" />}
          {isUnknown && <p class="help made-up">Drawn plainly: the field {drawnBy} is your Backstage's own.</p>}
        </div>
      )}
    </Wrap>
  );
}

function ObjectFieldTemplate({ idSchema, title, description, properties, schema, formData, onAddClick, registry, uiSchema }) {
  const { AddButton } = registry.templates.ButtonTemplates;
  const isRoot = idSchema.$id === 'root';
  const canAdd = schema.additionalProperties && !isRoot;
  const body = (
    <>
      {!isRoot && <Words text={description} class="help" />}
      {properties.map(one => one.content)}
      {canAdd && <AddButton onClick={onAddClick(schema)} uiSchema={uiSchema} registry={registry} />}
    </>
  );
  if (isRoot) return <div id="root">{body}</div>;
  if (!properties.length && !canAdd) return <p class="group-title">{title}</p>; // its choices follow
  return (
    <fieldset class="group" id={idSchema.$id}>
      {title && <legend>{title}</legend>}
      {body}
    </fieldset>
  );
}

function ArrayFieldTemplate({ idSchema, title, items, canAdd, onAddClick, required, schema, uiSchema, rawErrors, registry, disabled }) {
  const Item = getTemplate('ArrayFieldItemTemplate', registry, getUiOptions(uiSchema));
  const { AddButton } = registry.templates.ButtonTemplates;
  return (
    <fieldset class="group" id={idSchema.$id}>
      <legend>
        {title}
        {required && <Required />}
      </legend>
      <Words text={uiSchema?.['ui:description'] ?? schema.description} class="help" />
      {items.map(({ key, ...item }) => (
        <Item key={key} {...item} />
      ))}
      {canAdd && <AddButton onClick={onAddClick} disabled={disabled} uiSchema={uiSchema} registry={registry} />}
      <Errors id={idSchema.$id} errors={rawErrors} />
    </fieldset>
  );
}

function ArrayFieldItemTemplate({ children, index, hasMoveUp, hasMoveDown, hasRemove, onReorderClick, onDropIndexClick, disabled }) {
  const button = (name, icon, onClick) => (
    <button type="button" class="quiet square" aria-label={`${name} item ${index + 1}`} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
  return (
    <div class="item">
      <div class="item-body">{children}</div>
      <div class="item-buttons">
        {hasMoveUp && button('Move up', 'up', onReorderClick(index, index - 1))}
        {hasMoveDown && button('Move down', 'down', onReorderClick(index, index + 1))}
        {hasRemove && button('Remove', 'remove', onDropIndexClick(index))}
      </div>
    </div>
  );
}

function WrapIfAdditionalTemplate({ id, label, onDropPropertyClick, onKeyChange, schema, children }) {
  if (!('__additional_property' in schema)) return children;
  return (
    <div class="item">
      <div class="item-body">
        <div class="field">
          <label for={`${id}-key`}>Key</label>
          <input type="text" id={`${id}-key`} defaultValue={label} onBlur={event => onKeyChange(event.target.value)} />
        </div>
        {children}
      </div>
      <div class="item-buttons">
        <button type="button" class="quiet square" aria-label={`Remove ${label}`} onClick={onDropPropertyClick(label)}>
          <Icon name="remove" />
        </button>
      </div>
    </div>
  );
}

function AddButton({ onClick, disabled }) {
  return (
    <button type="button" class="quiet" onClick={onClick} disabled={disabled}>
      <Icon name="record" /> Add item
    </button>
  );
}

function ErrorListTemplate({ errors }) {
  return (
    <div class="notice bad" role="alert">
      <p>
        <b>Some values do not fit</b>
      </p>
      <ul>
        {errors.map((one, index) => (
          <li key={index}>{one.stack.replace(/^\./, '')}</li>
        ))}
      </ul>
    </div>
  );
}

function CheckboxWidget({ id, value, label, required, disabled, onChange, options }) {
  return (
    <label class="check" for={id}>
      <input
        type="checkbox"
        id={id}
        checked={value === true}
        disabled={disabled}
        required={false}
        aria-describedby={ariaDescribedByIds(id)}
        onChange={event => onChange(event.target.checked)}
      />
      <span>
        {options?.label ?? label}
        {required && <Required />}
      </span>
    </label>
  );
}

export const THEME = {
  fields: FIELDS,
  widgets: { CheckboxWidget },
  templates: {
    FieldTemplate,
    ObjectFieldTemplate,
    ArrayFieldTemplate,
    ArrayFieldItemTemplate,
    WrapIfAdditionalTemplate,
    ErrorListTemplate,
    FieldErrorTemplate: () => null, // FieldTemplate shows them
    FieldHelpTemplate: () => null,
    DescriptionFieldTemplate: ({ description }) => <Words text={description} class="help" />,
    ButtonTemplates: { AddButton, SubmitButton: () => null },
  },
};
