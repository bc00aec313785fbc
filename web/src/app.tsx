// The frame around every page: who is signed in, where one is, what there is.
import AppLayout from "@cloudscape-design/components/app-layout";
import Box from "@cloudscape-design/components/box";
import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { Component, lazy, Suspense, useEffect, useMemo, useState, type ComponentType, type ReactNode } from "react";
import { Setup, SignIn } from "./door";
import { Api, ApiProvider, messageOf } from "./guardduty";
import { NoticesProvider, useNoticeBar, useNotices } from "./notices";
import { go, href, useRoute, type Route } from "./router";
import { currentSession, post, type Doorway, type Session } from "./session";
import { plain } from "./text";
import { useTheme, type Theme } from "./theme";

interface Page {
  component: ComponentType<{ route: Route }>;
  title: string;
  table?: boolean;
}
const pages: Record<string, Page> = {
  summary: { component: lazy(() => import("./summary/page")), title: "Summary" },
  findings: { component: lazy(() => import("./findings/list")), title: "Findings", table: true },
  suppression: { component: lazy(() => import("./suppression/list")), title: "Suppression", table: true },
  rule: { component: lazy(() => import("./suppression/edit")), title: "Suppression rule" },
  settings: { component: lazy(() => import("./settings/page")), title: "Settings" },
  entities: { component: lazy(() => import("./entities/list")), title: "Entities", table: true },
  entity: { component: lazy(() => import("./entities/page")), title: "Entity" },
  investigations: { component: lazy(() => import("./investigations/list")), title: "Investigations", table: true },
  investigation: { component: lazy(() => import("./investigations/page")), title: "Investigation" },
  finding: { component: lazy(() => import("./findings/page")), title: "Finding" },
};

const PasswordDialog = lazy(() => import("./password"));

const navigation = (session: Session): SideNavigationProps.Item[] => [
  { type: "link", text: "Summary", href: href(["summary"]) },
  { type: "link", text: "Findings", href: href(["findings"]) },
  { type: "link", text: "Entities", href: href(["entities"]) },
  { type: "link", text: "Investigations", href: href(["investigations"]) },
  { type: "link", text: "Suppression", href: href(["suppression"]) },
  { type: "divider" },
  {
    type: "section",
    text: "Settings",
    items: [
      { type: "link", text: "Protection plans", href: href(["settings", "protection"]) },
      { type: "link", text: "Lists and feeds", href: href(["settings", "lists"]) },
      { type: "link", text: "Custom detection rules", href: href(["settings", "rules"]) },
      { type: "link", text: "Rules of your own", href: href(["settings", "sigma"]) },
      { type: "link", text: "Publishing", href: href(["settings", "publishing"]) },
      { type: "link", text: "Responders", href: href(["settings", "responders"]) },
      { type: "link", text: "Accounts", href: href(["settings", "accounts"]) },
      { type: "link", text: "Coverage and usage", href: href(["settings", "coverage"]) },
      ...(session.role === "administrator" ? [{ type: "link" as const, text: "Users", href: href(["settings", "users"]) }] : []),
      ...(session.may.includes("ListAccessKeys") ? [{ type: "link" as const, text: "API keys", href: href(["settings", "keys"]) }] : []),
      ...(session.may.includes("ListAuditEvents") ? [{ type: "link" as const, text: "Audit log", href: href(["settings", "audit"]) }] : []),
    ],
  },
];

const start = "summary";

function pageOf({ path }: Route): Page | undefined {
  const [first = start, ...rest] = path;
  if (first === "findings" && rest.length === 2) return pages["finding"];
  if (first === "entities" && rest.length === 2) return pages["entity"];
  if (first === "investigations" && rest.length === 2) return pages["investigation"];
  if (first === "suppression" && rest.length) return pages["rule"];
  return rest.length === 0 || first === "settings" ? pages[first] : undefined;
}

class Boundary extends Component<{ children: ReactNode; at: string }, { error?: string; at: string }> {
  override state: { error?: string; at: string } = { at: this.props.at };
  static getDerivedStateFromError(error: unknown) {
    return { error: messageOf(error) };
  }
  static getDerivedStateFromProps(props: { at: string }, state: { at: string }) {
    return props.at === state.at ? null : { at: props.at, error: undefined };
  }
  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Box padding="l">
        <StatusIndicator type="error">This page broke: {plain(this.state.error)}</StatusIndicator>
      </Box>
    );
  }
}

interface FrameProps {
  session: Session;
  theme: Theme;
  setTheme: (theme: Theme) => void;
  onOver: () => void;
  onSession: (session: Session) => void;
}

function Frame({ session, theme, setTheme, onOver, onSession }: FrameProps) {
  const route = useRoute();
  const notices = useNotices();
  const bar = useNoticeBar();
  const [changing, setChanging] = useState(false);
  const [navigating, setNavigating] = useState(window.innerWidth > 1024);
  const items = useMemo(() => navigation(session), [session]);
  const page = pageOf(route);
  const Shown = page?.component;
  const here = href(route.path[0] === "settings" ? ["settings", route.path[1] ?? "protection"] : [route.path[0] ?? start]);
  useEffect(() => {
    document.title = `${page?.title ?? "Not found"} - picket`;
  }, [page]);

  const signOut = () => notices.attempt("", () => post("sign-out", {}, session.csrf)).then(onOver);
  return (
    <>
      <div id="top">
        <TopNavigation
          identity={{ href: "#/", title: "picket", logo: { src: "icon.svg", alt: "" } }}
          utilities={[
            {
              type: "menu-dropdown",
              text: "Theme",
              iconName: "settings",
              ariaLabel: "Theme",
              items: (["system", "light", "dark"] as Theme[]).map((id) => ({
                id,
                itemType: "checkbox" as const,
                checked: theme === id,
                text: id === "system" ? "As the system" : id === "light" ? "Light" : "Dark",
              })),
              onItemClick: ({ detail }) => setTheme(detail.id as Theme),
            },
            {
              type: "menu-dropdown",
              text: plain(session.user),
              description: `${session.role}, account ${session.account}`,
              iconName: "user-profile",
              items: [
                ...(session.guest ? [] : [{ id: "password", text: "Change password" }]),
                { id: "sign-out", text: "Sign out" },
              ],
              onItemClick: ({ detail }) => {
                if (detail.id === "sign-out") void signOut();
                else setChanging(true);
              },
            },
          ]}
        />
      </div>
      {changing && (
        <Suspense>
          <PasswordDialog session={session} onEnd={() => setChanging(false)} onSession={onSession} />
        </Suspense>
      )}
      <AppLayout
        headerSelector="#top"
        navigationOpen={navigating}
        onNavigationChange={({ detail }) => setNavigating(detail.open)}
        navigation={
          <SideNavigation
            header={{ text: "Threat detection", href: "#/" }}
            activeHref={here}
            items={items}
            onFollow={(event) => {
              if (event.detail.external) return;
              event.preventDefault();
              go(event.detail.href);
            }}
          />
        }
        toolsHide
        notifications={bar}
        stickyNotifications
        contentType={page?.table ? "table" : "default"}
        content={
          <Boundary at={location.hash}>
            <Suspense fallback={<Spinner size="large" />}>
              {Shown ? (
                <Shown route={route} />
              ) : (
                <Box padding="l">
                  <StatusIndicator type="warning">There is no such page.</StatusIndicator>
                </Box>
              )}
            </Suspense>
          </Boundary>
        }
        ariaLabels={{
          navigation: "Pages",
          navigationClose: "Close the list of pages",
          navigationToggle: "Open the list of pages",
          notifications: "Notices",
        }}
      />
    </>
  );
}

type State = { at: "start" } | { at: "failed"; error: string } | { at: "door"; door: Doorway; over: boolean } | { at: "in"; session: Session };

function Guarded() {
  const route = useRoute();
  const [theme, setTheme] = useTheme();
  const [state, setState] = useState<State>({ at: "start" });
  const [door, setDoor] = useState<Doorway>({ setup: false });
  useEffect(() => {
    currentSession().then(
      (found) => {
        if (!("csrf" in found)) setDoor(found);
        setState("csrf" in found ? { at: "in", session: found } : { at: "door", door: found, over: false });
      },
      (error: unknown) => setState({ at: "failed", error: messageOf(error) }),
    );
  }, []);
  const session = state.at === "in" ? state.session : undefined;
  // How one signs in is asked again: who is in was not told.
  const leave = (over: boolean) => {
    setState({ at: "door", door, over });
    currentSession().then(
      (found) => !("csrf" in found) && setState({ at: "door", door: found, over }),
      () => undefined,
    );
  };
  const over = () => leave(true);
  const api = useMemo(() => {
    const made = session && new Api(session, over);
    // Asked while the page's code is on its way; whoever needs it is told what failed.
    made?.places("").catch(() => undefined);
    return made;
  }, [session]);

  const enter = (found: Session) => {
    if (route.path[0] === "setup" || route.path[0] === "refused") go("#/", true);
    setState({ at: "in", session: found });
  };
  if (state.at === "start") return null;
  if (state.at === "failed")
    return (
      <Box padding="xxl">
        <StatusIndicator type="error">The server does not answer: {plain(state.error)}</StatusIndicator>
      </Box>
    );
  if (state.at === "door") {
    const [first, token] = route.path;
    if (first === "setup" && token) return <Setup token={token} onSession={enter} />;
    return <SignIn door={state.door} over={state.over} refused={first === "refused" ? token : undefined} onSession={enter} />;
  }
  return (
    <ApiProvider value={api}>
      <NoticesProvider key={state.session.user}>
        <Frame
          session={state.session}
          theme={theme}
          setTheme={setTheme}
          onSession={(session) => setState({ at: "in", session })}
          onOver={() => leave(false)}
        />
      </NoticesProvider>
    </ApiProvider>
  );
}

export function App() {
  return (
    <I18nProvider locale="en" messages={[messages]}>
      <Guarded />
    </I18nProvider>
  );
}
