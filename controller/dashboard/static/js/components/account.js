/** Who is logged in; the colours; the keys; the way out. */
import { html, useEffect, useState } from "../html.js";
import { logOut, useSession } from "../session.js";
import { setTheme, THEME_CHANGED, THEMES, theme } from "../theme.js";
import { notify } from "./dialog.js";
import { Menu } from "./menu.js";

const NAMES = { auto: "Colours of the system", light: "Light", dark: "Dark" };

/** @param {{onShortcuts: () => void}} props */
export function Account({ onShortcuts }) {
  const { session } = useSession();
  const [chosen, setChosen] = useState(theme());
  useEffect(() => {
    const look = () => setChosen(theme());
    document.addEventListener(THEME_CHANGED, look);
    return () => document.removeEventListener(THEME_CHANGED, look);
  }, []);
  const leave = () => logOut().catch((error) => notify(error.message));
  const who = session ? `${session.user} (${session.role})` : "";
  const items = [
    who && { label: `Logged in as ${who}`, disabled: true },
    ...THEMES.map((each, i) => ({
      label: NAMES[each],
      checked: chosen === each,
      act: () => setTheme(each),
      .../** @type {{above?: "line"}} */ (i ? {} : { above: "line" }),
    })),
    { label: "Keyboard shortcuts", act: onShortcuts, above: /** @type {const} */ ("line") },
    { label: "Log out", act: leave },
  ];
  const button = html`<span class="account-name"><bdi>${session?.user ?? "…"}</bdi></span><span aria-hidden="true">▾</span>`;
  return html`<${Menu} class="account" label="You and your settings" button=${button} items=${items} />`;
}
