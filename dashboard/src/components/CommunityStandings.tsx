import { graphql } from '../generated';
import type { CommunityRankFragment } from '../generated/graphql';
import { count, counted, day } from '../lib/format';
import { Name } from './Name';
import { Opener } from './Opener';

export const COMMUNITY_RANK = graphql(`
  fragment CommunityRank on CommunityStanding {
    rank
    community {
      id
      name
      createdAt
      deactivatedAt
    }
    members
    badgesIssued
    recipients
  }
`);

interface CommunityStandingsProps {
  communities: readonly CommunityRankFragment[];
  /** The IANA time zone of the days on which they were created. */
  timezone?: string;
  /** Called with the id of a community that is chosen. */
  select?: ((id: string) => void) | undefined;
  /** Called with the id of a community and which of its numbers is to be opened. */
  open?: ((id: string, number: 'badges' | 'recipients' | 'members') => void) | undefined;
}

/** The communities in which the most badges are issued. */
export function CommunityStandings(props: CommunityStandingsProps) {
  const { communities, timezone = 'UTC', select, open } = props;
  const most = Math.max(...communities.map((standing) => standing.badgesIssued), 1);
  const [first] = communities;
  return (
    <>
      <p className="summary">
        {first &&
          `${nameOf(first)} leads with ${counted(first.badgesIssued, 'badges')} for ${counted(first.recipients, 'users')}.`}
      </p>
      <table className="standings">
        <caption className="hidden">The most active communities</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">Rank</span>
            </th>
            <th scope="col">Community</th>
            <th scope="col">Issued</th>
            <th scope="col">Recipients</th>
            <th scope="col" title="Standing memberships, now">
              Members
            </th>
          </tr>
        </thead>
        <tbody>
          {communities.map((standing) => {
            const { rank, community, members, badgesIssued, recipients } = standing;
            const { id, createdAt, deactivatedAt } = community;
            const opened = (number: 'badges' | 'recipients' | 'members') =>
              open && (() => open(id, number));
            return (
              <tr key={id}>
                <td className="rank">{rank}</td>
                <th scope="row">
                  <Name text={nameOf(standing)} select={select && (() => select(id))} />{' '}
                  <span className="kind">
                    {deactivatedAt
                      ? `deactivated ${day(deactivatedAt, timezone)}`
                      : createdAt && `since ${day(createdAt, timezone)}`}
                  </span>
                  <span className="bar" style={{ inlineSize: `${(100 * badgesIssued) / most}%` }} />
                </th>
                <td>
                  <Opener open={opened('badges')}>{count(badgesIssued)}</Opener>
                </td>
                <td>
                  <Opener open={opened('recipients')}>{count(recipients)}</Opener>
                </td>
                <td>
                  <Opener open={opened('members')}>{count(members)}</Opener>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}

const nameOf = ({ community: { id, name } }: CommunityRankFragment) => name ?? `Community ${id}`;
