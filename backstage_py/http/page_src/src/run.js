import { useCallback, useRef, useState } from 'preact/hooks';
import { run as ask } from './api.js';
import { compared, read } from './result/tree.js';

const FRAMES = /^(Beginning|Finished) step |^(info: )?Running \S+ in dry-run mode with inputs /; // shown otherwise
const COLOURS = /\x1b\[[0-9;]*m/g;

/**
 * The runs of one template: the last one, and the tree of the one before.
 *
 * A run is `{steps, told, after, before, output, error, values, ms, isRunning}`; `told` has for each step its
 * `{status, inputs, output, log, ms}`.
 */
export function useRuns(path) {
  const [run, setRun] = useState(null);
  const control = useRef();
  const trees = useRef({ last: null, before: null });
  const start = useCallback(
    async ({ values, secrets, user, sandbox, isAgain = false }) => {
      control.current?.abort();
      const mine = (control.current = new AbortController());
      const begun = performance.now();
      let state = { steps: [], told: {}, values, sandbox, isRunning: true };
      const change = more => {
        if (mine !== control.current) return;
        state = { ...state, ...more };
        setRun(shown => ({ after: shown?.after, before: shown?.before, output: shown?.output, ...state }));
      };
      change({}); // what the last run wrote is shown until there is something new
      const tell = (event, data) => {
        const news = after(state, event, data, begun);
        change(news.after ? { ...news, before: earlier(trees.current, news, isAgain) } : news);
      };
      try {
        await ask({ path, values, secrets, user, sandbox }, tell, mine.signal);
        if (mine !== control.current) return;
        if (state.isRunning) throw new Error('The server went away before the run had ended');
      } catch (error) {
        const message = mine.signal.aborted ? 'The run was stopped' : error.message;
        change({ error: { message }, isRunning: false, ms: performance.now() - begun });
      }
    },
    [path],
  );
  const stop = useCallback(() => control.current?.abort(), []);
  return { run, start, stop };
}

/**
 * The tree that a new one is compared with; `trees` remembers both.
 *
 * An editor may write a file twice, and each save runs the template: a run by itself that wrote the same changes nothing.
 */
function earlier(trees, { after: now, error }, isAgain) {
  if (error) return trees.last;
  const isSame = trees.last && compared(trees.last, now).every(one => one.status === 'same');
  if (!(isAgain && isSame)) [trees.before, trees.last] = [trees.last, now];
  return trees.before;
}

/** What an event changes of a run. */
function after(state, event, data, begun) {
  const now = performance.now() - begun;
  const told = (id, more) => ({ told: { ...state.told, [id]: { ...state.told[id], ...more(state.told[id] ?? {}) } } });
  switch (event) {
    case 'steps':
      return { steps: data };
    case 'inputs':
      return told(data.stepId, () => ({ inputs: data.value }));
    case 'output':
      return told(data.stepId, () => ({ output: data.value }));
    case 'log': {
      if (!data.stepId) return {};
      return told(data.stepId, step => ({
        log: FRAMES.test(data.message.replace(COLOURS, '')) ? (step.log ?? []) : [...(step.log ?? []), data.message.replace(COLOURS, '').replace(/^info: /, '')],
        begun: step.begun ?? now,
        ...(data.status && { status: step.status === 'skipped' ? 'skipped' : data.status }),
        ...(data.status && data.status !== 'processing' && { ms: now - (step.begun ?? now) }),
      }));
    }
    case 'done': {
      const statuses = Object.entries(data.statuses);
      const all = { ...state.told };
      for (const [id, status] of statuses) all[id] = { ...all[id], status };
      return { told: all, after: read(data.files), output: data.output, error: data.error, isRunning: false, ms: now };
    }
    default:
      return {};
  }
}
