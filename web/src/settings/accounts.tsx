// Members of the administrator, and what the organisation's new accounts get.
import {
  CreateMembersCommand,
  DeleteMembersCommand,
  DescribeOrganizationConfigurationCommand,
  DisassociateMembersCommand,
  InviteMembersCommand,
  ListMembersCommand,
  ListOrganizationAdminAccountsCommand,
  StartMonitoringMembersCommand,
  StopMonitoringMembersCommand,
  UpdateOrganizationConfigurationCommand,
  type AutoEnableMembers,
  type Member,
  type UnprocessedAccount,
} from "@aws-sdk/client-guardduty";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Dialog } from "../dialog";
import { useApi, type Place } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { RegionPage } from "./frame";

const auto: Record<AutoEnableMembers, string> = {
  ALL: "every account of the organisation",
  NEW: "accounts that are new to it",
  NONE: "none by itself",
};

export default function Accounts({ region }: { region: string }) {
  return (
    <RegionPage section="accounts" title="Accounts" description="Whose findings this account administers in the Region" region={region}>
      {({ place }) => (
        <SpaceBetween size="l">
          <Organization place={place} />
          <Members place={place} />
        </SpaceBetween>
      )}
    </RegionPage>
  );
}

function Organization({ place }: { place: Place }) {
  const api = useApi();
  const notices = useNotices();
  const { client, detectorId } = place;
  const configuration = useLoaded(() => client.send(new DescribeOrganizationConfigurationCommand({ DetectorId: detectorId })), [client, detectorId]);
  const admins = useLoaded(() => client.send(new ListOrganizationAdminAccountsCommand({})), [client]);
  const enabled = configuration.value?.AutoEnableOrganizationMembers ?? "NONE";
  const admin = admins.value?.AdminAccounts?.[0]?.AdminAccountId;
  return (
    <Container header={<Header variant="h2">Organisation</Header>}>
      <SpaceBetween size="m">
        {admin && <Box>Delegated administrator: {plain(admin)}</Box>}
        {configuration.error ? (
          <Box color="text-body-secondary">
            <Text>{configuration.error}</Text>
          </Box>
        ) : (
          <FormField label="Become members">
            <Select
              disabled={!api.may("UpdateOrganizationConfiguration") || !configuration.value}
              selectedOption={{ value: enabled, label: auto[enabled] }}
              options={Object.entries(auto).map(([value, label]) => ({ value, label }))}
              onChange={({ detail }) =>
                void notices
                  .attempt("The choice is kept", () =>
                    client.send(
                      new UpdateOrganizationConfigurationCommand({
                        DetectorId: detectorId,
                        AutoEnableOrganizationMembers: detail.selectedOption.value as AutoEnableMembers,
                      }),
                    ),
                  )
                  .then(configuration.again)
              }
            />
          </FormField>
        )}
      </SpaceBetween>
    </Container>
  );
}

// These calls succeed as a whole and tell in the answer which accounts they did nothing for.
async function forAll(call: Promise<{ UnprocessedAccounts?: UnprocessedAccount[] }>): Promise<void> {
  const { UnprocessedAccounts = [] } = await call;
  if (UnprocessedAccounts.length) throw new Error(UnprocessedAccounts.map(({ AccountId, Result }) => `${AccountId}: ${Result}`).join("; "));
}

function Members({ place }: { place: Place }) {
  const api = useApi();
  const notices = useNotices();
  const { client, detectorId } = place;
  const [selected, setSelected] = useState<Member[]>([]);
  const [adding, setAdding] = useState(false);
  const members = useLoaded(async () => {
    const all: Member[] = [];
    let NextToken: string | undefined;
    do {
      const page = await client.send(new ListMembersCommand({ DetectorId: detectorId, MaxResults: 50, OnlyAssociated: "false", NextToken }));
      all.push(...(page.Members ?? []));
      NextToken = page.NextToken || undefined;
    } while (NextToken);
    return all;
  }, [client, detectorId]);
  const act = async (id: string) => {
    const given = { DetectorId: detectorId, AccountIds: selected.map(({ AccountId }) => AccountId ?? "") };
    const calls: Record<string, () => Promise<{ UnprocessedAccounts?: UnprocessedAccount[] }>> = {
      invite: () => client.send(new InviteMembersCommand(given)),
      start: () => client.send(new StartMonitoringMembersCommand(given)),
      stop: () => client.send(new StopMonitoringMembersCommand(given)),
      disassociate: () => client.send(new DisassociateMembersCommand(given)),
      delete: () => client.send(new DeleteMembersCommand(given)),
    };
    await notices.attempt("Done", () => forAll(calls[id]!()));
    setSelected([]);
    members.again();
  };
  return (
    <>
      <Rows<Member>
        variant="container"
        trackBy="AccountId"
        items={members.value ?? []}
        loading={!members.value && !members.error}
        loadingText="Loading members"
        empty={members.error ? <Failed what="The members cannot be shown" error={members.error} /> : "No account is a member."}
        selectionType={api.may("CreateMembers") ? "multi" : undefined}
        selectedItems={selected}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
        ariaLabels={{
          tableLabel: "Members",
          selectionGroupLabel: "Select members",
          allItemsSelectionLabel: () => "Select all members",
          itemSelectionLabel: (_, one) => `Select ${one.AccountId}`,
        }}
        header={
          <Header
            variant="h2"
            counter={members.value && `(${members.value.length})`}
            actions={
              api.may("CreateMembers") && (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button iconName="refresh" ariaLabel="Refresh" onClick={members.again} />
                  <ButtonDropdown
                    disabled={!selected.length}
                    items={[
                      { id: "invite", text: "Invite" },
                      { id: "start", text: "Resume" },
                      { id: "stop", text: "Suspend" },
                      { id: "disassociate", text: "Disassociate" },
                      { id: "delete", text: "Remove" },
                    ]}
                    onItemClick={({ detail }) => void act(detail.id)}
                  >
                    Actions
                  </ButtonDropdown>
                  <Button variant="primary" onClick={() => setAdding(true)}>
                    Add a member
                  </Button>
                </SpaceBetween>
              )
            }
          >
            Members
          </Header>
        }
        columnDefinitions={[
          { id: "account", header: "Account", isRowHeader: true, cell: (one) => <Value>{one.AccountId}</Value> },
          { id: "email", header: "E-mail", cell: (one) => <Value>{one.Email}</Value> },
          { id: "status", header: "Status", cell: (one) => <Value>{one.RelationshipStatus}</Value> },
          { id: "updated", header: "Changed (UTC)", cell: (one) => <Time at={one.UpdatedAt} /> },
        ]}
      />
      {adding && <AddMember place={place} onEnd={() => (setAdding(false), members.again())} />}
    </>
  );
}

function AddMember({ place, onEnd }: { place: Place; onEnd: () => void }) {
  const notices = useNotices();
  const [account, setAccount] = useState("");
  const [email, setEmail] = useState("");
  const [busy, setBusy] = useState(false);
  const wrong = account !== "" && !/^\d{12}$/.test(account);
  const add = async () => {
    setBusy(true);
    const done = await notices.attempt(`${account} is added`, () =>
      forAll(
        place.client.send(new CreateMembersCommand({ DetectorId: place.detectorId, AccountDetails: [{ AccountId: account, Email: email }] })),
      ),
    );
    setBusy(false);
    if (done) onEnd();
  };
  return (
    <Dialog title="Add a member" action="Add" busy={busy} disabled={!account || wrong || !email} onAct={add} onEnd={onEnd}>
      <SpaceBetween size="m">
        <FormField label="Account" errorText={wrong ? "An account has 12 digits" : ""}>
          <Input value={account} inputMode="numeric" onChange={({ detail }) => setAccount(detail.value)} />
        </FormField>
        <FormField label="E-mail">
          <Input value={email} type="email" onChange={({ detail }) => setEmail(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Dialog>
  );
}
