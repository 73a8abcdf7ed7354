// The read token, where the service asks for one: kept for this tab alone, never in an address.
const KEY = 'passportx-token';

export const storedToken = (): string | undefined =>
  window.sessionStorage.getItem(KEY) ?? undefined;

export const storeToken = (token: string) => window.sessionStorage.setItem(KEY, token);
