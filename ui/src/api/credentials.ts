/** What shows who asks. A token lives as long as this tab; a session is a cookie that no script can read. */
interface Credentials {
  token: string | null;
  csrf: string | null;
}

const KEY = 'millwright.token';
let now: Credentials = { token: sessionStorage.getItem(KEY), csrf: null };
let whenLost: () => void = () => {};
let ended = false;

export const credentials = {
  get: (): Credentials => now,
  useToken(token: string | null) {
    now = { ...now, token };
    if (token) {
      sessionStorage.setItem(KEY, token);
    } else {
      sessionStorage.removeItem(KEY);
    }
  },
  useSession(csrf: string | null) {
    now = { ...now, csrf };
  },
  /** The server does not know us any more. */
  lost() {
    ended = true;
    whenLost();
  },
  /** Whether that is why nobody is signed in. */
  ended: () => ended,
  found() {
    ended = false;
  },
  onLost(then: () => void) {
    whenLost = then;
  },
};
