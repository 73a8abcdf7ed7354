import { type FormEvent, memo, useState } from 'react';
import {
  COMPARISONS,
  type CompareTo,
  type CustomRange,
  RANGES,
  type RangeName,
  type View,
  WEEK_STARTS,
  type WeekStart,
} from '../lib/view';

interface ControlsProps {
  view: View;
  change: (changed: Partial<View>) => void;
}

const LOCAL = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

/** What the page is about: the range, the time zone of its days, the first day of its weeks, and what it is compared with. */
export const Controls = memo(function Controls({ view, change }: ControlsProps) {
  return (
    <div className="controls">
      <RangeControl key={JSON.stringify(view.range)} view={view} change={change} />
      <label>
        <span>Days in</span>
        <select
          value={view.timezone}
          onChange={(event) => change({ timezone: event.target.value })}
        >
          {LOCAL !== 'UTC' && <option value={LOCAL}>{LOCAL} (yours)</option>}
          {ZONES.includes(view.timezone) || <option>{view.timezone}</option>}
          {ZONES.filter((zone) => zone !== LOCAL || zone === 'UTC').map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Weeks from</span>
        <select
          value={view.weekStart}
          onChange={(event) => change({ weekStart: event.target.value as WeekStart })}
        >
          {Object.entries(WEEK_STARTS).map(([name, { label }]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Compared with</span>
        <select
          value={view.compare}
          onChange={(event) => change({ compare: event.target.value as CompareTo })}
        >
          {Object.entries(COMPARISONS).map(([name, title]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
});

function RangeControl({ view, change }: ControlsProps) {
  const chosen = view.range;
  const [isCustom, setCustom] = useState(typeof chosen !== 'string');
  return (
    <div className="range">
      <fieldset className="segments">
        <legend className="hidden">Range</legend>
        {Object.entries(RANGES).map(([name, { label }]) => (
          <label key={name}>
            <input
              type="radio"
              name="range"
              checked={!isCustom && chosen === name}
              onChange={() => change({ range: name as RangeName })}
            />
            <span>{label}</span>
          </label>
        ))}
        <label>
          <input type="radio" name="range" checked={isCustom} onChange={() => setCustom(true)} />
          <span>Days …</span>
        </label>
      </fieldset>
      {isCustom && (
        <DaysForm
          days={typeof chosen === 'string' ? null : chosen}
          choose={(range) => change({ range })}
        />
      )}
    </div>
  );
}

interface DaysFormProps {
  days: CustomRange | null;
  choose: (days: CustomRange) => void;
}

function DaysForm({ days, choose }: DaysFormProps) {
  const today = new Date().toISOString().slice(0, 10);
  const [from, setFrom] = useState(days?.from ?? `${today.slice(0, 8)}01`);
  const [to, setTo] = useState(days?.to ?? today);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    choose({ from, to });
  };
  return (
    <form className="days" onSubmit={submit}>
      <label>
        <span>From</span>
        <input
          type="date"
          required
          value={from}
          max={to}
          onChange={(e) => setFrom(e.target.value)}
        />
      </label>
      <label>
        <span>to</span>
        <input type="date" required value={to} min={from} onChange={(e) => setTo(e.target.value)} />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}
