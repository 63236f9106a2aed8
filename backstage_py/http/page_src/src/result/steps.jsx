import { Icon, counted } from '../parts.jsx';
import { Value } from './code.jsx';

const WORDS = { completed: 'completed', failed: 'failed', skipped: 'skipped', processing: 'running', waiting: 'not run' };
const FEW = 4;

/** The steps of a run, one after the other, with what went in, what they said and what came out. */
export function Steps({ run }) {
  const isShort = run.steps.length <= FEW;
  return (
    <ol class="timeline">
      {run.steps.map(step => (
        <Step key={step.id} step={step} told={run.told[step.id] ?? {}} isOpen={isShort} />
      ))}
    </ol>
  );
}

function Step({ step, told, isOpen }) {
  const status = told.status ?? 'waiting';
  const { inputs = [], output, log = [], ms } = told;
  const hasOutput = output && Object.keys(output).length > 0;
  const hasDetails = inputs.length > 0 || log.length > 0 || hasOutput;
  const head = (
    <>
      <span class="step-name">{step.name}</span>
      <span class="mono quiet-text">{step.action}</span>
      <span class="spring" />
      <span class={`state ${status}`}>{WORDS[status]}</span>
      {ms !== undefined && <span class="quiet-text took">{duration(ms)}</span>}
    </>
  );
  return (
    <li class={`step ${status}`}>
      <Icon name={status} class="point" />
      {hasDetails ? (
        <details open={isOpen || status === 'failed'}>
          <summary>{head}</summary>
          <div class="step-body">
            {inputs.map((one, index) => (
              <Part key={index} title={inputs.length > 1 ? `Input ${index + 1} of ${inputs.length}` : 'Input'}>
                <Value value={one} label={`Input of ${step.name}`} />
              </Part>
            ))}
            {log.length > 0 && (
              <Part title={`Log, ${counted(log.length, 'line')}`}>
                <pre class="value log" tabIndex={0} role="region" aria-label={`Log of ${step.name}`}>
                  {log.join('\n')}
                </pre>
              </Part>
            )}
            {hasOutput && (
              <Part title="Output">
                <Value value={output} label={`Output of ${step.name}`} />
              </Part>
            )}
          </div>
        </details>
      ) : (
        <div class="step-head">{head}</div>
      )}
    </li>
  );
}

const Part = ({ title, children }) => (
  <div class="part">
    <h4>{title}</h4>
    {children}
  </div>
);

export const duration = ms => (ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`);
