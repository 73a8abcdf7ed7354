import { graphql } from '../generated';
import type { StandingFragment } from '../generated/graphql';
import { count, perDay, share } from '../lib/format';
import { BadgeName } from './BadgeName';
import { Opener } from './Opener';

export const STANDING = graphql(`
  fragment Standing on BadgeStanding {
    rank
    badge {
      id
      name
      category
      level
    }
    issued
    recipients
    issuedPerDay
    rarity
  }
`);

interface TopBadgesProps {
  badges: readonly StandingFragment[];
  /** Called with the id of a kind of badge that is chosen. */
  select?: (id: string) => void;
  /** Opens the list of the badges issued of a kind, of who received one, of who holds one. */
  open?: (id: string, what: 'issued' | 'recipients' | 'holders') => void;
}

/** The kinds of badges issued most, each with a bar of its length. */
export function TopBadges({ badges, select, open }: TopBadgesProps) {
  const most = Math.max(...badges.map((standing) => standing.issued), 1);
  return (
    <table className="standings">
      <caption className="hidden">The badges issued most</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="hidden">Rank</span>
          </th>
          <th scope="col">Badge</th>
          <th scope="col">Issued</th>
          <th scope="col">Recipients</th>
          <th scope="col" title="Over the 30 days that end with today">
            Per day
          </th>
          <th scope="col" title="The share of all users who hold one now: its rarity">
            Held by
          </th>
        </tr>
      </thead>
      <tbody>
        {badges.map(({ rank, badge, issued, recipients, issuedPerDay, rarity }) => (
          <tr key={badge.id}>
            <td className="rank">{rank}</td>
            <th scope="row">
              <BadgeName badge={badge} select={select} />
              <span className="bar" style={{ inlineSize: `${(100 * issued) / most}%` }} />
            </th>
            <td>
              <Opener open={open && (() => open(badge.id, 'issued'))}>{count(issued)}</Opener>
            </td>
            <td>
              <Opener open={open && (() => open(badge.id, 'recipients'))}>
                {count(recipients)}
              </Opener>
            </td>
            <td>{perDay(issuedPerDay)}</td>
            <td>
              {rarity === null ? (
                '–'
              ) : (
                <Opener open={open && (() => open(badge.id, 'holders'))}>{share(rarity)}</Opener>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
