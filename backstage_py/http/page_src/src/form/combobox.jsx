import { useId, useMemo, useRef, useState } from 'preact/hooks';

const MOST_SHOWN = 100;

/**
 * A text field with a list to choose from, as the ARIA practices have it.
 *
 * `options` are `{value, label, note}`; with `isFree` other texts are taken too.
 */
export function Combobox({ id, label, value, options, onChange, isFree, isRequired, isDisabled, describedBy, isInvalid, placeholder }) {
  const list = useId();
  const input = useRef();
  const [typed, setTyped] = useState(null); // what is being typed, null when nothing is
  const [active, setActive] = useState(-1);
  const shownValue = options.find(one => one.value === value)?.label ?? value ?? '';
  const shown = useMemo(() => {
    const words = (typed ?? '').trim().toLowerCase();
    const fits = one => !words || `${one.label} ${one.value} ${one.note ?? ''}`.toLowerCase().includes(words);
    return options.filter(fits).slice(0, MOST_SHOWN);
  }, [options, typed]);
  const isOpen = typed !== null && (shown.length > 0 || !isFree);

  const take = one => {
    setTyped(null);
    setActive(-1);
    onChange(one);
  };
  const open = () => {
    if (isDisabled || typed !== null) return;
    setTyped('');
    setActive(-1);
  };
  const leave = () => {
    if (typed === null) return;
    const text = typed.trim();
    if (text && isFree) take(text);
    else if (text) take(shown.find(one => one.label === text || one.value === text)?.value ?? value);
    else setTyped(null);
  };
  const onKeyDown = event => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (typed === null) return open();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setActive(shown.length ? (active + step + shown.length) % shown.length : -1);
    } else if (event.key === 'Enter' && isOpen) {
      event.preventDefault();
      if (active >= 0) take(shown[active].value);
      else leave();
    } else if (event.key === 'Escape' && typed !== null) {
      event.stopPropagation();
      event.preventDefault();
      setTyped(null);
    } else if (event.key === 'Backspace' && typed === '' && !isRequired) {
      take(undefined);
    }
  };
  return (
    <div class="combobox">
      <input
        ref={input}
        id={id}
        type="text"
        role="combobox"
        autoComplete="off"
        aria-label={label}
        aria-expanded={isOpen}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={isOpen && active >= 0 ? `${list}-${active}` : undefined}
        aria-describedby={describedBy}
        aria-invalid={isInvalid || undefined}
        aria-required={isRequired || undefined}
        disabled={isDisabled}
        placeholder={typed !== null && shownValue ? shownValue : placeholder}
        value={typed ?? shownValue}
        onInput={event => (setTyped(event.target.value), setActive(-1))}
        onClick={open}
        onBlur={leave}
        onKeyDown={onKeyDown}
      />
      <ul id={list} role="listbox" aria-label={label ?? 'Choices'} hidden={!isOpen}>
        {isOpen &&
          shown.map((one, index) => (
            <li
              key={one.value}
              id={`${list}-${index}`}
              role="option"
              aria-selected={one.value === value}
              class={index === active ? 'active' : ''}
              onMouseDown={event => (event.preventDefault(), take(one.value))}
              onMouseEnter={() => setActive(index)}
            >
              <span>{one.label}</span>
              {one.note && <span class="quiet-text">{one.note}</span>}
            </li>
          ))}
        {isOpen && shown.length === 0 && (
          <li role="option" aria-disabled="true" aria-selected="false" class="quiet-text">
            Nothing fits
          </li>
        )}
      </ul>
    </div>
  );
}

/** A combobox for several values, each with a button that removes it. */
export function Chips({ values, onChange, ...rest }) {
  const options = rest.options.filter(one => !values.includes(one.value));
  const labelOf = value => rest.options.find(one => one.value === value)?.label ?? value;
  return (
    <div class="chips">
      {values.length > 0 && (
        <ul>
          {values.map(one => (
            <li key={one}>
              {labelOf(one)}
              <button type="button" aria-label={`Remove ${labelOf(one)}`} onClick={() => onChange(values.filter(other => other !== one))}>
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <Combobox
        {...rest}
        options={options}
        value={undefined}
        isRequired={false}
        onChange={one => one && !values.includes(one) && onChange([...values, one])}
      />
    </div>
  );
}
