import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { template as load } from './api.js';
import { Findings } from './findings.jsx';
import { Pages } from './form/form.jsx';
import { useKept, useLoaded, useMedia } from './hooks.js';
import { Facts } from './overview.jsx';
import { Counts, Icon, Panel, Tabs, Words, counted } from './parts.jsx';
import { Cases, Recorder } from './result/cases.jsx';
import { Value } from './result/code.jsx';
import { Files } from './result/files.jsx';
import { Output } from './result/output.jsx';
import { Steps, duration } from './result/steps.jsx';
import { useRuns } from './run.js';

const WIDE = '(min-width: 1080px)';

const isOfCases = path => /\.test\.ya?ml$|(^|\/)golden(\/|$)/.test(path);

/** One template: its form, and what came of the last run. `summary` is what the list says about it. */
export function Template({ path, summary, changes }) {
  const loaded = useLoaded(() => load(path), [path]);
  const details = useReadable(loaded.value);
  const [values, setValues] = useKept(`values:${path}`, {});
  const [secrets, setSecrets] = useState({});
  const [inSandbox, setInSandbox] = useKept(`sandbox:${path}`, false);
  const [user, setUser] = useKept(`user:${path}`, '');
  const [onSave, setOnSave] = useKept('run-on-save', true);
  const [tab, setTab] = useState('form');
  const [formKey, setFormKey] = useState(0);
  const [recording, setRecording] = useState(false);
  const [recorded, setRecorded] = useState();
  const { run, start, stop } = useRuns(path);
  const isWide = useMedia(WIDE);

  const again = () => start({ values, secrets, user, sandbox: inSandbox, isAgain: true });
  const go = () => {
    setTab(current => (['form', 'cases', 'findings'].includes(current) ? 'files' : current));
    start({ values, secrets, user, sandbox: inSandbox });
  };
  const latest = useRef({});
  latest.current = { go, again, wantsRun: onSave && run !== null && !recording };

  useEffect(() => {
    if (!changes.count) return;
    loaded.reload();
    if (latest.current.wantsRun && !changes.paths.every(isOfCases)) latest.current.again();
  }, [changes]);
  useEffect(() => {
    const onKey = event => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
        event.preventDefault();
        document.activeElement?.blur(); // a field that is being typed in hands over its text
        setTimeout(() => latest.current.go());
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  useEffect(() => {
    if (run && !run.isRunning && run.error) setTab(current => (['files', 'output'].includes(current) ? 'steps' : current));
  }, [run?.isRunning]);
  const setSecret = useCallback((name, text) => setSecrets(before => ({ ...before, [name]: text })), []);
  const use = given => {
    setValues(given);
    setFormKey(formKey + 1);
    setTab('form');
  };

  if (loaded.error && !loaded.value) return <Gone message={loaded.error} />;
  if (!loaded.value) return <p class="quiet-text">Reading the template …</p>;
  const title = details?.form?.title ?? summary?.title ?? path;
  const problems = summary?.problems ?? [];
  const form = details && (
    <section class="card form-card" aria-label="Form">
      <Pages
        key={formKey}
        path={path}
        form={details.form}
        values={values}
        onChange={setValues}
        secrets={secrets}
        onSecret={setSecret}
        onRun={go}
        isRunning={run?.isRunning}
      />
      <details class="values">
        <summary>Values as they are sent, and who sends them</summary>
        <Value value={values} label="Values as JSON" />
        <div class="field">
          <label for="user">User</label>
          <input id="user" type="text" placeholder="user:default/guest" value={user} onChange={event => setUser(event.target.value.trim())} />
        </div>
      </details>
    </section>
  );
  const errors = problems.filter(one => one.severity === 'error').length;
  const tabs = [
    ...(isWide ? [] : [{ id: 'form', title: 'Form' }]),
    { id: 'files', title: 'Files', note: run?.after?.size || undefined },
    { id: 'steps', title: 'Steps', note: run?.error && !run.isRunning ? '!' : undefined, kind: 'bad' },
    { id: 'output', title: 'Output' },
    { id: 'cases', title: 'Cases', note: details?.cases.length || undefined },
    { id: 'findings', title: 'Findings', note: problems.length || undefined, kind: errors ? 'bad' : 'warn' },
  ];
  const chosen = isWide && tab === 'form' ? 'files' : tab;
  return (
    <div class="page template">
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/">Templates</a> <span aria-hidden="true">/</span> <span class="mono">{path}</span>
      </nav>
      <div class="heading with-actions">
        <div>
          <h1>{title}</h1>
          {details && <Words text={details.description} class="quiet-text" />}
        </div>
        <div class="actions">
          <label class="mode">
            <span class="sr">How to run</span>
            <select value={String(inSandbox)} onChange={event => setInSandbox(event.target.value === 'true')}>
              <option value="false">Dry run</option>
              <option value="true">Sandbox</option>
            </select>
          </label>
          <button type="button" class="quiet" onClick={() => setRecording(true)} disabled={!details}>
            <Icon name="record" /> Record case
          </button>
          {run?.isRunning ? (
            <button type="button" class="main" onClick={stop}>
              <Icon name="stop" /> Stop
            </button>
          ) : (
            <button type="button" class="main" onClick={go} disabled={!details} title="Ctrl+Enter">
              <Icon name="play" /> Run
            </button>
          )}
        </div>
      </div>
      <div class="badges">
        <Counts problems={problems} />
        {details && <Facts type={details.type} owner={details.owner} tags={details.tags} />}
      </div>
      {loaded.value.error && (
        <p class="notice bad" role="alert">
          {loaded.value.error}
          {details && ' Below is the form as it was before.'}
        </p>
      )}
      {recorded && (
        <p class="notice good" role="status">
          Recorded in <span class="mono">{recorded}</span>
        </p>
      )}
      <div class="work">
        {isWide && form}
        <section class="card result" aria-label="Result">
          <Tabs label="Views" tabs={tabs} chosen={chosen} onChoose={setTab} />
          {['files', 'steps', 'output'].includes(chosen) && <RunLine run={run} onSave={onSave} onSetOnSave={setOnSave} onRun={go} canRun={Boolean(details)} />}
          <Panel id={chosen}>
            {chosen === 'form' && form}
            {chosen === 'files' && run?.after && <Files after={run.after} before={run.before} />}
            {chosen === 'steps' && run && <Steps run={run} />}
            {chosen === 'output' && run?.after && <Output output={run.output} sandbox={run.sandbox} />}
            {chosen === 'cases' && <Cases path={path} cases={details?.cases ?? []} onUse={use} onRecord={() => setRecording(true)} />}
            {chosen === 'findings' && (problems.length ? <Findings problems={problems} /> : <p class="quiet-text">Nothing is wrong with it.</p>)}
          </Panel>
        </section>
      </div>
      {recording && (
        <Recorder
          path={path}
          form={details.form}
          values={values}
          user={user}
          sandbox={inSandbox}
          run={run && !run.isRunning && JSON.stringify(run.values) === JSON.stringify(values) ? run : null}
          onClose={() => setRecording(false)}
          onDone={({ file, line }) => {
            setRecording(false);
            setRecorded(`${file}:${line}`);
            setTab('cases');
          }}
        />
      )}
    </div>
  );
}

/** What can be read of a template, or what could be the last time, while its author types. */
function useReadable(value) {
  const last = useRef();
  if (value && !value.error) last.current = value;
  return last.current;
}

function RunLine({ run, onSave, onSetOnSave, onRun, canRun }) {
  if (!run) {
    return (
      <div class="empty">
        <p>Run the template to see what it writes. Nothing leaves this machine.</p>
        <button type="button" class="quiet" onClick={onRun} disabled={!canRun}>
          <Icon name="play" /> Run with these values
        </button>
      </div>
    );
  }
  return (
    <div class="run-line" role="status">
      {run.isRunning ? (
        <p class="state processing">
          <Icon name="processing" class="turning" /> Running …
        </p>
      ) : run.error ? (
        <p class="state failed failure">
          <Icon name="failed" /> <span>{run.error.message}</span>
        </p>
      ) : (
        <p class="state completed">
          <Icon name="completed" /> {counted(run.steps.length, 'step')} in {duration(run.ms)}
        </p>
      )}
      <label class="check small">
        <input type="checkbox" checked={onSave} onChange={event => onSetOnSave(event.target.checked)} />
        <span>Run again on save</span>
      </label>
    </div>
  );
}

const Gone = ({ message }) => (
  <div class="page">
    <p class="notice bad" role="alert">
      {message}
    </p>
    <p>
      <a href="#/">All templates</a>
    </p>
  </div>
);
