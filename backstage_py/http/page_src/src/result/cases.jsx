import { useState } from 'preact/hooks';
import { record, test } from '../api.js';
import { isSecret } from '../form/schema.js';
import { Dialog, Icon } from '../parts.jsx';

const PLACEHOLDER = 'recorded-without-its-value';

/** The test cases of a template: run them, take over their values, record one. */
export function Cases({ path, cases, onUse, onRecord }) {
  const [results, setResults] = useState({});
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState();
  const run = async name => {
    setRunning(true);
    setError(undefined);
    try {
      const { cases: found } = await test(path, name);
      setResults(before => ({ ...before, ...Object.fromEntries(found.map(one => [one.name, one])) }));
    } catch (failure) {
      setError(failure.message);
    }
    setRunning(false);
  };
  return (
    <div class="cases">
      <div class="row">
        <button type="button" class="main" disabled={isRunning || !cases.length} onClick={() => run()}>
          <Icon name="play" /> {isRunning ? 'Running …' : 'Run all'}
        </button>
        <button type="button" class="quiet" onClick={onRecord}>
          <Icon name="record" /> Record these values as a case
        </button>
      </div>
      {error && <p class="notice bad" role="alert">{error}</p>}
      {!cases.length && <p class="quiet-text">There are no cases yet. Fill in the form, run it, and record what you see.</p>}
      <ul class="case-list" aria-live="polite">
        {cases.map(one => (
          <Case key={one.name} case_={one} result={results[one.name]} isRunning={isRunning} onRun={() => run(one.name)} onUse={() => onUse(one.values)} />
        ))}
      </ul>
    </div>
  );
}

function Case({ case_, result, isRunning, onRun, onUse }) {
  const status = !result ? 'waiting' : result.differences.length ? 'failed' : 'completed';
  const words = { waiting: 'not run yet', failed: 'failed', completed: 'passed' }[status];
  return (
    <li class={`case ${status}`}>
      <div class="row">
        <Icon name={status} class="point" />
        <span class="case-name">{case_.name}</span>
        <span class={`state ${status}`}>{words}</span>
        <span class="spring" />
        <button type="button" class="quiet small" disabled={isRunning} onClick={onRun} aria-label={`Run ${case_.name}`}>
          Run
        </button>
        <button type="button" class="quiet small" onClick={onUse} aria-label={`Use values of ${case_.name}`}>
          Use values
        </button>
      </div>
      <p class="mono quiet-text">
        {case_.file}:{case_.line}
      </p>
      {result?.differences.map((one, index) => (
        <Difference key={index} text={one} />
      ))}
      {result?.notes.map((one, index) => (
        <p key={index} class="quiet-text">
          {one}
        </p>
      ))}
    </li>
  );
}

const Difference = ({ text }) => (
  <pre class="value" tabIndex={0}>
    {text.split('\n').map((line, index) => (
      <span key={index} class={index && line[0] === '+' ? 'plus' : index && line[0] === '-' ? 'minus' : ''}>
        {index > 0 && '\n'}
        {line}
      </span>
    ))}
  </pre>
);

/** Asks for a name and for what is expected, and writes the case. `run` is the last one, if it was with these values. */
export function Recorder({ path, values, user, sandbox, form, run, onDone, onClose }) {
  const [name, setName] = useState('');
  const [expect, setExpect] = useState(run?.error ? 'error' : run?.after?.size ? 'tree' : 'none');
  const [error, setError] = useState();
  const save = async event => {
    event.preventDefault();
    try {
      const body = { path, name, values, user, sandbox, secrets: secretsOf(form), ...expected(expect, run) };
      onDone(await record(body));
    } catch (failure) {
      setError(failure.message);
    }
  };
  const choice = (id, title, note, isPossible = true) => (
    <label class={`choice ${isPossible ? '' : 'off'}`}>
      <input type="radio" name="expect" value={id} checked={expect === id} disabled={!isPossible} onChange={() => setExpect(id)} />
      <span>
        {title}
        <small>{note}</small>
      </span>
    </label>
  );
  const hasRun = Boolean(run && !run.error && run.after?.size);
  return (
    <Dialog title="Record a test case" onClose={onClose}>
      <form onSubmit={save}>
        <div class="field">
          <label for="case-name">Name</label>
          <input id="case-name" type="text" required maxLength={120} autoFocus value={name} placeholder="with a database" onInput={event => setName(event.target.value)} />
        </div>
        <fieldset class="choices">
          <legend>What is expected</legend>
          {choice('tree', 'These files, exactly', 'Kept as a golden tree in golden/ beside the template.', hasRun)}
          {choice('paths', 'Files of these names', 'Their contents may change.', hasRun)}
          {choice('error', 'This failure', 'The message of the last run.', Boolean(run?.error))}
          {choice('none', 'That it runs', 'Nothing more.', !run?.error)}
        </fieldset>
        {!run && <p class="quiet-text">Run the template with these values first to record what it writes.</p>}
        {error && <p class="notice bad" role="alert">{error}</p>}
        <p class="quiet-text">Written to the test file beside the template, which keeps all else that it says.</p>
        <div class="form-foot">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="main">
            Record
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function expected(kind, run) {
  if (kind === 'tree') return { tree: [...run.after.values()].map(one => ({ path: one.path, base64Content: one.base64, executable: one.isExecutable })) };
  if (kind === 'paths') return { expect: { files: Object.fromEntries([...run.after.keys()].map(one => [one, true])) } };
  if (kind === 'error') return { expect: { error: literal(run.error.message) } };
  return {};
}

/** A case takes a text that the message contains, if it is a regular expression too. */
function literal(message) {
  const [line] = message.split('\n');
  try {
    new RegExp(line);
    return line;
  } catch {
    return line.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  }
}

/** Secrets that the form asks for, without their texts. */
function secretsOf(form) {
  const names = {};
  const look = properties => {
    for (const [name, one] of Object.entries(properties ?? {})) if (isSecret(one)) names[name] = PLACEHOLDER;
  };
  for (const page of form.steps ?? []) look(page.schema?.properties);
  return Object.keys(names).length ? names : undefined;
}
