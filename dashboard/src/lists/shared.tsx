import { Opener } from '../components/Opener';
import { count, moment, principal } from '../lib/format';
import type { List } from '../lib/list';
import type { View } from '../lib/view';

export interface ListProps {
  view: View;
  list: List;
  /** Opens another list instead. */
  open: (list: List) => void;
}

export const NEWEST = { NEWEST: 'Newest', OLDEST: 'Oldest' };

/** A principal; what happened to it lies behind. */
export function Principal({ id, open }: { id: string; open: ListProps['open'] }) {
  return (
    <Opener open={() => open({ of: 'events', user: id })}>
      <abbr title={id}>{principal(id)}</abbr>
    </Opener>
  );
}

/** A number in a list, of everything ever. */
export function Count({ value, open }: { value: number; open: () => void }) {
  return <Opener open={value > 0 ? open : undefined}>{count(value)}</Opener>;
}

/** A time; without one, a dash. */
export function Time({ at, timezone }: { at: string | null; timezone: string }) {
  return at ? <time dateTime={at}>{moment(at, timezone)}</time> : <>–</>;
}
