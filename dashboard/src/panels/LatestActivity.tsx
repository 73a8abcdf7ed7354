import { Panel } from '../components/Panel';
import { RecentActivity } from '../components/RecentActivity';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import type { PanelProps } from './index';

const QUERY = graphql(`
  query LatestActivity {
    activity(first: 12) {
      edges {
        node {
          ...Activity
        }
      }
    }
  }
`);

/** What happened last, whatever the range. */
export function LatestActivity({ view }: PanelProps) {
  const answer = useQuery(QUERY, {}, ['ISSUANCE', 'COMMUNITY', 'USERS', 'DISTRIBUTION']);
  return (
    <Panel
      title="Recent activity"
      answer={answer}
      isEmpty={({ activity }) => !activity?.edges.length}
      empty={<p>Nothing has happened yet.</p>}
      height={480}
    >
      {({ activity }) => (
        <RecentActivity
          activities={activity?.edges.map((edge) => edge.node) ?? []}
          timezone={view.timezone}
        />
      )}
    </Panel>
  );
}
