import type { ReactNode } from 'react';

export interface Table {
  /** The names of the columns; the first one is that of the rows. */
  head: readonly string[];
  rows: readonly (readonly [string, ...ReactNode[]])[];
}

/** The figures of a chart as a table. */
export function DataTable({ caption, head, rows }: Table & { caption: string }) {
  return (
    <table className="data">
      <caption className="hidden">{caption}</caption>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, ...cells]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {cells.map((cell, at) => (
              <td key={head[at + 1]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
