/**
 * The server itself: who works, what waits, what comes in, what is stored; keys, for admins. The
 * tabs are in js/server; the figures are those of GET /api/server.
 */
import { get } from "../api.js";
import { Failure, Loading } from "../components/states.js";
import { Tabs } from "../components/tabs.js";
import { useLive } from "../hooks.js";
import { html, useEffect } from "../html.js";
import { usePage } from "../page.js";
import { useQuery } from "../router.js";
import { Keys } from "../server/keys.js";
import { Overview } from "../server/overview.js";
import { Unknown } from "../server/unknown.js";
import { Warnings } from "../server/warnings.js";
import { useSession } from "../session.js";

const AGAIN_MS = 3000;

export default function ServerPage() {
  usePage("Server");
  const { session, may } = useSession();
  const [tab, setTab] = useQuery("tab", "overview");
  const server = useLive(["server"], (signal) => get("/api/server", {}, { signal }), [], 1000);
  const unknown = useLive(
    [],
    async (signal) => (await get("/api/wandb/unknown", {}, { signal })).unknown,
    [],
  );
  useEffect(() => {
    const timer = setInterval(() => document.hidden || server.reload(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [server.reload]);
  const { data } = server;
  if (!data)
    return server.error
      ? html`<${Failure} error=${server.error} retry=${server.reload} />`
      : html`<${Loading} />`;
  const admin = may("admin");
  const tabs = [
    { id: "overview", label: "Overview" },
    { id: "keys", label: "API keys" },
    { id: "wandb", label: "W&B operations", count: unknown.data?.length || null },
    ...(data.warnings
      ? [{ id: "log", label: "Warnings", count: data.warnings.length || null }]
      : []),
  ];
  return html`<div class="server">
    <h1>Server</h1>
    <${Tabs} label="Parts of the server's page" tabs=${tabs} value=${tab} onChange=${setTab} />
    <div class="server-tab" role="tabpanel" aria-label=${tabs.find(({ id }) => id === tab)?.label ?? "Overview"}>
      ${
        tab === "keys"
          ? html`<${Keys} admin=${admin} />`
          : tab === "wandb"
            ? html`<${Unknown} listed=${unknown.data} error=${unknown.error} />`
            : tab === "log" && data.warnings
              ? html`<${Warnings} listed=${data.warnings} />`
              : html`<${Overview} server=${data} session=${session} />`
      }
    </div>
  </div>`;
}
