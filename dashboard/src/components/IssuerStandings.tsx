import { graphql } from '../generated';
import type { IssuerFragment } from '../generated/graphql';
import { count, counted, principal, ratio } from '../lib/format';
import { Name } from './Name';
import { Opener } from './Opener';

export const ISSUER = graphql(`
  fragment Issuer on IssuerStanding {
    rank
    issuer
    badges
    issued
  }
`);

interface IssuerStandingsProps {
  issuers: readonly IssuerFragment[];
  /** How many issuers of equal size would be as concentrated. */
  effective?: number | null;
  /** Called with the address of an issuer that is chosen. */
  select?: ((issuer: string) => void) | undefined;
  /** Called with the address of an issuer, and which of its numbers is to be opened. */
  open?: ((issuer: string, number: 'issued' | 'kinds') => void) | undefined;
}

/** Who issued the most badges, and how concentrated the issuing is. */
export function IssuerStandings({ issuers, effective, select, open }: IssuerStandingsProps) {
  const most = Math.max(...issuers.map((standing) => standing.issued), 1);
  const [first] = issuers;
  return (
    <>
      <p className="summary">
        {first && `${principal(first.issuer)} issued ${counted(first.issued, 'badges')}. `}
        {typeof effective === 'number' &&
          `All issuers together are as concentrated as ${ratio(effective)} of equal size.`}
      </p>
      <table className="standings">
        <caption className="hidden">The issuers of the most badges</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">Rank</span>
            </th>
            <th scope="col">Issuer</th>
            <th scope="col">Issued</th>
            <th scope="col" title="Distinct kinds of badges">
              Kinds
            </th>
          </tr>
        </thead>
        <tbody>
          {issuers.map(({ rank, issuer, badges, issued }) => (
            <tr key={issuer}>
              <td className="rank">{rank}</td>
              <th scope="row">
                <Name
                  text={principal(issuer)}
                  title={issuer}
                  select={select && (() => select(issuer))}
                />
                <span className="bar" style={{ inlineSize: `${(100 * issued) / most}%` }} />
              </th>
              <td>
                <Opener open={open && (() => open(issuer, 'issued'))}>{count(issued)}</Opener>
              </td>
              <td>
                <Opener open={open && (() => open(issuer, 'kinds'))}>{count(badges)}</Opener>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
