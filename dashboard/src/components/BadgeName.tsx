interface BadgeNameProps {
  badge: { id: string; name: string | null; category?: string | null };
  /** Called with the id of the kind of badge if it is chosen. */
  select: ((id: string) => void) | undefined;
}

/** What a kind of badge is called, and its category where that is known. */
export function BadgeName({ badge: { id, name, category }, select }: BadgeNameProps) {
  const shown = name ?? `Badge ${id}`;
  return (
    <>
      {select ? (
        <button type="button" className="name pick" onClick={() => select(id)}>
          {shown}
        </button>
      ) : (
        <span className="name">{shown}</span>
      )}{' '}
      {category && <span className="kind">{category}</span>}
    </>
  );
}
