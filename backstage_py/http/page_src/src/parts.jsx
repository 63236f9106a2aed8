// Small things that all views share.
import { useEffect, useRef } from 'preact/hooks';
import Markdown from 'markdown-to-jsx';

const ICONS = {
  error: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 4.5v4M8 11v.5',
  warning: 'M8 2 1.5 13.5h13L8 2ZM8 6.5v3.2M8 11.6v.4',
  info: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 7.5V11M8 5v-.3',
  completed: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5 8.2l2.1 2.1L11 6',
  failed: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  skipped: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5 8h6',
  waiting: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Z',
  processing: 'M8 1.5a6.5 6.5 0 1 0 6.5 6.5',
  play: 'M5 3.2v9.6l7.5-4.8L5 3.2Z',
  stop: 'M4.5 4.5h7v7h-7z',
  record: 'M8 2.5v11M2.5 8h11',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  file: 'M4 1.8h5L12.2 5v9.2H4V1.8ZM9 1.8V5h3.2',
  folder: 'M1.8 3.5h4.4l1.5 1.8h6.5v7.2H1.8v-9Z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3.1 3.1l1.1 1.1M11.8 11.8l1.1 1.1M3.1 12.9l1.1-1.1M11.8 4.2l1.1-1.1',
  moon: 'M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z',
  auto: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM8 1.8v12.4',
  up: 'M8 13V3M3.5 7.5 8 3l4.5 4.5',
  down: 'M8 3v10M3.5 8.5 8 13l4.5-4.5',
  remove: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
};

/** A drawing that says nothing by itself; the text beside it does. */
export function Icon({ name, class: className = '' }) {
  return (
    <svg class={`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name] ?? ICONS.info} />
    </svg>
  );
}

const SAFE_LINK = /^(https?:|mailto:|#)/i;

/** A link of a text that others wrote: other schemes lead nowhere. */
export function Link({ href, children }) {
  if (!SAFE_LINK.test(String(href ?? '').trim())) return <span>{children}</span>;
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  );
}

const MARKDOWN = {
  disableParsingRawHTML: true,
  forceBlock: true,
  overrides: {
    a: { component: Link },
    img: { component: ({ alt, src }) => <Link href={src}>{alt || 'picture'}</Link> }, // nothing is loaded from elsewhere
    script: { component: () => null },
    iframe: { component: () => null },
    h1: { component: 'h4' },
    h2: { component: 'h4' },
    h3: { component: 'h4' },
  },
};

/** Markdown that others wrote: elements are made of it, never HTML. */
export function Words({ text, class: className = '' }) {
  if (typeof text !== 'string' || !text.trim()) return null;
  return (
    <div class={`words ${className}`}>
      <Markdown options={MARKDOWN}>{text}</Markdown>
    </div>
  );
}

export function Badge({ kind = 'plain', icon, children }) {
  return (
    <span class={`badge ${kind}`}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}

export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** How many findings there are of each severity; says so too when there are none. */
export function Counts({ problems }) {
  const of = severity => problems.filter(one => one.severity === severity).length;
  const [errors, warnings, infos] = [of('error'), of('warning'), of('info')];
  if (!problems.length) return <Badge kind="good" icon="completed">No findings</Badge>;
  return (
    <>
      {errors > 0 && <Badge kind="bad" icon="error">{counted(errors, 'error')}</Badge>}
      {warnings > 0 && <Badge kind="warn" icon="warning">{counted(warnings, 'warning')}</Badge>}
      {infos > 0 && <Badge icon="info">{counted(infos, 'hint')}</Badge>}
    </>
  );
}

/** A modal dialog with a form; Escape and the button close it. */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** Tabs as the ARIA practices have them: arrows move, the chosen one is in the order of Tab. */
export function Tabs({ tabs, chosen, onChoose, label }) {
  const row = useRef();
  const move = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(one => one.id === chosen);
    const to = Number.isFinite(step) ? (at + step + tabs.length) % tabs.length : step < 0 ? 0 : tabs.length - 1;
    onChoose(tabs[to].id);
    row.current.children[to].focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={row} onKeyDown={move}>
      {tabs.map(({ id, title, note, kind }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`tab-${id}`}
          aria-selected={id === chosen}
          aria-controls={`panel-${id}`}
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => onChoose(id)}
        >
          {title}
          {note !== undefined && <span class={`note ${kind ?? ''}`}>{note}</span>}
        </button>
      ))}
    </div>
  );
}

export const Panel = ({ id, children }) => (
  <div class="panel" role="tabpanel" id={`panel-${id}`} aria-labelledby={`tab-${id}`} tabIndex={-1}>
    {children}
  </div>
);
