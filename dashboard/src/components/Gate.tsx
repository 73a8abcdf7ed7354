import { type FormEvent, useState } from 'react';
import { storeToken } from '../lib/token';

/** Asks for the token that the service asks for. */
export function Gate() {
  const [token, setToken] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    storeToken(token);
    window.location.reload();
  };
  return (
    <main className="gate">
      <h1>This service asks for a token</h1>
      <p>
        Paste one with the right to read, as in <code>ANALYTICS_READ_TOKENS</code>. It is kept for
        this tab alone and sent to this service only.
      </p>
      <form onSubmit={submit}>
        <label>
          <span>Token</span>
          <input
            type="password"
            required
            autoComplete="off"
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <button type="submit">Open</button>
      </form>
    </main>
  );
}
