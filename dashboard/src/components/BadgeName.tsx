import { Name } from './Name';

interface BadgeNameProps {
  badge: { id: string; name: string | null; category?: string | null };
  /** Called with the id of the kind of badge if it is chosen. */
  select: ((id: string) => void) | undefined;
}

/** What a kind of badge is called, and its category where that is known. */
export function BadgeName({ badge: { id, name, category }, select }: BadgeNameProps) {
  return (
    <>
      <Name text={name ?? `Badge ${id}`} select={select && (() => select(id))} />{' '}
      {category && <span className="kind">{category}</span>}
    </>
  );
}
