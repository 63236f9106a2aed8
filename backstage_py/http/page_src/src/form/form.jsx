import { withTheme } from '@rjsf/core';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { visiblePages } from '../api.js';
import { Words } from '../parts.jsx';
import { check } from './checks.js';
import { isSecret, split, titles } from './schema.js';
import { THEME } from './theme.jsx';
import { validator } from './validator.js';

const Form = withTheme(THEME);
const STATE = { allOf: 'populateDefaults' }; // as Backstage has it

/** A template's form page by page, and what was entered at its end. `path` is the template's. */
export function Pages({ path, form, values, onChange, secrets, onSecret, onRun, isRunning }) {
  const [at, setAt] = useState(0);
  const area = useRef();
  const all = useMemo(() => (form.steps ?? []).map(one => ({ ...one, ...split(one.schema) })), [form]);
  const visible = useVisible(path, all, values);
  const pages = all.filter((_, index) => visible[index]);
  const labels = form.presentation?.buttonLabels ?? {};
  const current = Math.min(at, pages.length);
  const page = pages[current];
  const go = to => {
    setAt(to);
    area.current?.querySelector('h3')?.focus();
  };
  const context = useMemo(() => ({ path, formData: values, secrets, setSecret: onSecret }), [path, values, secrets, onSecret]);
  return (
    <div class="pages" ref={area}>
      <Stepper titles={[...pages.map(one => one.title), labels.reviewButtonText ?? 'Review']} current={current} onGo={go} />
      <div class="form-body">
        {page ? (
          <>
            <h3 tabIndex={-1}>{page.title}</h3>
            <Words text={page.description ?? page.schema.description} class="help" />
            <Form
              key={all.indexOf(page)}
              schema={{ ...page.schema, title: undefined, description: undefined }}
              uiSchema={page.uiSchema}
              formData={values}
              formContext={context}
              validator={validator}
              customValidate={check}
              showErrorList="top"
              focusOnFirstError
              noHtml5Validate
              experimental_defaultFormStateBehavior={STATE}
              onError={() => {}} // shown in the form
              onChange={({ formData }) => onChange({ ...values, ...formData })}
              onSubmit={({ formData }) => {
                onChange({ ...values, ...formData });
                go(current + 1);
              }}
            >
              <Foot
                onBack={current > 0 && (() => go(current - 1))}
                back={labels.backButtonText ?? 'Back'}
                next={current === pages.length - 1 ? (labels.reviewButtonText ?? 'Review') : 'Next'}
              />
            </Form>
          </>
        ) : (
          <form onSubmit={event => (event.preventDefault(), onRun())}>
            <h3 tabIndex={-1}>Review</h3>
            <Review pages={pages} values={values} />
            <Foot
              onBack={pages.length > 0 && (() => go(pages.length - 1))}
              back={labels.backButtonText ?? 'Back'}
              next={labels.createButtonText ?? 'Create'}
              isDisabled={isRunning}
            />
          </form>
        )}
      </div>
    </div>
  );
}

const isPlain = page => page.when === undefined && page.schema.when === undefined;

/** Which pages are shown for the values; the server decides where a page has a condition. */
function useVisible(path, pages, values) {
  const [answered, setAnswered] = useState({ pages: null, visible: [] });
  const isSimple = pages.every(isPlain);
  useEffect(() => {
    if (isSimple) return undefined;
    let isCurrent = true;
    const later = setTimeout(async () => {
      const { visible } = await visiblePages(path, values).catch(() => ({ visible: pages.map(() => true) }));
      if (isCurrent) setAnswered({ pages, visible });
    }, 150);
    return () => {
      isCurrent = false;
      clearTimeout(later);
    };
  }, [path, pages, values, isSimple]);
  if (isSimple) return pages.map(() => true);
  return answered.visible.length === pages.length ? answered.visible : pages.map(isPlain);
}

function Stepper({ titles: names, current, onGo }) {
  return (
    <ol class="stepper">
      {names.map((title, index) => {
        const state = index < current ? 'done' : index === current ? 'current' : 'next';
        return (
          <li key={index} class={state} aria-current={state === 'current' ? 'step' : undefined}>
            <button type="button" disabled={index >= current} onClick={() => onGo(index)}>
              <span class="dot" aria-hidden="true">
                {state === 'done' ? '✓' : index + 1}
              </span>
              <span>{title}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}

function Foot({ onBack, back, next, isDisabled = false }) {
  return (
    <div class="form-foot">
      {onBack && (
        <button type="button" class="quiet" onClick={onBack}>
          {back}
        </button>
      )}
      <button type="submit" class="main" disabled={isDisabled}>
        {next}
      </button>
    </div>
  );
}

function Review({ pages, values }) {
  const named = titles(pages.map(one => one.schema));
  const secret = name => pages.some(one => isSecret(one.uiSchema[name]));
  const names = [...new Set([...Object.keys(named), ...Object.keys(values)])];
  const rows = names.filter(name => values[name] !== undefined).map(name => [name, values[name]]);
  if (!rows.length) return <p class="quiet-text">The form asks for nothing.</p>;
  return (
    <dl class="review">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{named[name] ?? name}</dt>
          <dd class={typeof value === 'object' ? 'mono' : ''}>{secret(name) ? '******' : shown(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

const shown = value => (typeof value === 'object' ? JSON.stringify(value, null, 2) : typeof value === 'boolean' ? (value ? 'Yes' : 'No') : String(value));
