import { Choice } from '../components/Choice';
import { CohortGrid } from '../components/CohortGrid';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { cohortsOf, cohortUnits, questionOf, type Retained } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query Cohorts(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $by: Granularity!
    $mode: RetentionMode!
  ) {
    users(range: $range, timezone: $timezone, weekStart: $weekStart, where: $where) {
      retentionCohorts(by: $by, mode: $mode) {
        ...Retention
      }
    }
  }
`);

/** How many of those who joined come back. */
export function Cohorts({ view, change }: PanelProps) {
  const { range, timezone, weekStart, where } = questionOf(view);
  const { unit, by, mode } = cohortsOf(view);
  const variables = { range, timezone, weekStart, where, by, mode };
  const answer = useQuery(QUERY, variables, ['USERS']);
  const retained: [Retained, string][] = [
    ['bounded', `in that ${unit}`],
    ['unbounded', `in that ${unit} or later`],
    ['streak', `in each ${unit} until then`],
  ];
  return (
    <Panel
      title="Retention"
      answer={answer}
      isEmpty={({ users }) => !users?.retentionCohorts.cohorts.some(({ size }) => size > 0)}
      empty={<NothingInRange view={view} change={change} what="Nobody joined" />}
      height={420}
    >
      {({ users }) => (
        <>
          <div className="choices">
            <Choice
              label="Joined by"
              value={unit}
              options={cohortUnits(view).map((name) => [name, name] as const)}
              choose={(cohorts) => change({ cohorts })}
            />
            <Choice
              label="Active"
              value={view.retained}
              options={retained}
              choose={(name) => change({ retained: name })}
            />
          </div>
          {users && (
            <CohortGrid
              retention={users.retentionCohorts}
              by={by}
              timezone={view.timezone}
              open={(start, offset) =>
                change({
                  list: {
                    of: 'people',
                    group: 'cohort',
                    by,
                    start,
                    ...(offset !== undefined && { offset: String(offset), mode }),
                  },
                })
              }
            />
          )}
        </>
      )}
    </Panel>
  );
}
