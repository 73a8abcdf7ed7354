interface NameProps {
  text: string;
  /** The whole of it, where `text` is short for something. */
  title?: string;
  /** Called when it is chosen; without it, it cannot be. */
  select: (() => void) | undefined;
}

/** The name of what a row is about. */
export function Name({ text, title, select }: NameProps) {
  if (select)
    return (
      <button type="button" className="name pick" title={title} onClick={select}>
        {text}
      </button>
    );
  return title ? (
    <abbr className="name" title={title}>
      {text}
    </abbr>
  ) : (
    <span className="name">{text}</span>
  );
}
