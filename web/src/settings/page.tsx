// The settings, one page a section.
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useApi } from "../guardduty";
import type { Route } from "../router";
import Accounts from "./accounts";
import Audit from "./audit";
import CoverageAndUsage from "./coverage";
import Keys from "./keys";
import Lists from "./lists";
import Protection from "./protection";
import Publishing from "./publishing";
import Responders from "./responders";
import Rules from "./rules";
import OwnRules from "./own_rules";
import Users from "./users";

const sections = { protection: Protection, lists: Lists, publishing: Publishing, responders: Responders, accounts: Accounts, rules: Rules, sigma: OwnRules, coverage: CoverageAndUsage, users: Users, keys: Keys, audit: Audit };

export default function SettingsPage({ route }: { route: Route }) {
  const { session } = useApi();
  const name = route.path[1] ?? "protection";
  const asked = route.query.get("region");
  const region = asked && session.regions.includes(asked) ? asked : session.region;
  if (!(name in sections)) return <StatusIndicator type="warning">There are no such settings.</StatusIndicator>;
  const Section = sections[name as keyof typeof sections];
  return <Section region={region} />;
}
