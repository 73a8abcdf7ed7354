interface ChoiceProps<Name extends string> {
  label: string;
  value: Name;
  /** What may be chosen, by name. */
  options: readonly (readonly [Name, string])[];
  choose: (name: Name) => void;
}

/** One of a few, chosen from a list. */
export function Choice<Name extends string>(props: ChoiceProps<Name>) {
  const { label, value, options, choose } = props;
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => choose(event.target.value as Name)}>
        {options.map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
