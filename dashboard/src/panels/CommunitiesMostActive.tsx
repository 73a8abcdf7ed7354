import { CommunityStandings } from '../components/CommunityStandings';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import type { List } from '../lib/list';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query CommunitiesMostActive($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    community(range: $range, timezone: $timezone, where: $where) {
      mostActiveCommunities {
        ...CommunityRank
      }
    }
  }
`);

/** The communities in which the most badges were issued in the range. */
export function CommunitiesMostActive({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['COMMUNITY']);
  return (
    <Panel
      title="Communities"
      answer={answer}
      isEmpty={({ community }) => !community?.mostActiveCommunities.length}
      empty={<NothingInRange view={view} change={change} />}
      height={480}
    >
      {({ community }) => (
        <CommunityStandings
          communities={community?.mostActiveCommunities ?? []}
          timezone={view.timezone}
          select={(id) => change({ filters: toggled(view.filters, 'community', id) })}
          open={(community, number) => change({ list: { ...LISTS[number], community } })}
        />
      )}
    </Panel>
  );
}

const LISTS: Record<'badges' | 'recipients' | 'members', List> = {
  badges: { of: 'badges' },
  recipients: { of: 'people', group: 'active' },
  members: { of: 'people', group: 'memberOf' },
};
