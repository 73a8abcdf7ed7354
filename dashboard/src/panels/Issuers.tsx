import { IssuerStandings } from '../components/IssuerStandings';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query Issuers($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      effectiveIssuers
      badgesByIssuer(first: 10) {
        ...Issuer
      }
    }
  }
`);

/** Who issued the most badges in the range. */
export function Issuers({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="Issuers"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.badgesByIssuer.length}
      empty={
        <NothingInRange
          view={view}
          change={change}
          what="No badge of which the issuer is known was issued"
        />
      }
      height={480}
    >
      {({ distribution }) => (
        <IssuerStandings
          issuers={distribution?.badgesByIssuer ?? []}
          effective={distribution?.effectiveIssuers ?? null}
          select={(key) => change({ filters: toggled(view.filters, 'issuer', key) })}
          open={(issuer, number) =>
            change({ list: { of: number === 'kinds' ? 'templates' : 'badges', issuer } })
          }
        />
      )}
    </Panel>
  );
}
