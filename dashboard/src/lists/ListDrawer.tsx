import type { ComponentType } from 'react';
import { Drawer } from '../components/Drawer';
import { useNames } from '../hooks/useNames';
import { filtersOf, scopeOf, titleOf } from '../lib/behind';
import type { List, ListName } from '../lib/list';
import type { View } from '../lib/view';
import { Badges } from './Badges';
import { Communities } from './Communities';
import { Events } from './Events';
import { People } from './People';
import type { ListProps } from './shared';
import { Templates } from './Templates';

const LISTS: Record<ListName, ComponentType<ListProps>> = {
  badges: Badges,
  people: People,
  communities: Communities,
  templates: Templates,
  events: Events,
};

interface ListDrawerProps {
  view: View;
  list: List;
  change: (changed: Partial<View>) => void;
}

/** The list behind a number, over the page. */
export function ListDrawer({ view, list, change }: ListDrawerProps) {
  const { order: _, ...listed } = list;
  const subject = JSON.stringify(listed);
  const Rows = LISTS[list.of];
  const nameOf = useNames(filtersOf(view, list));
  return (
    <Drawer title={titleOf(list)} subject={subject} close={() => change({ list: null })}>
      <p className="scope">{scopeOf(view, list, nameOf).join(' · ')}</p>
      <Rows key={subject} view={view} list={list} open={(list) => change({ list })} />
    </Drawer>
  );
}
