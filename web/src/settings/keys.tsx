// The access keys that clients, and the console's users, act through.
import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ContentLayout from "@cloudscape-design/components/content-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Dialog } from "../dialog";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Copy, Time, Value } from "../parts";
import { plain, Text } from "../text";
import { Holders } from "./holders";
import { roles } from "./roles";

interface Key {
  profile: string;
  accessKeyId: string;
  accountId: string;
  role: string;
  region: string;
  active: boolean;
  administersAll: boolean;
  hasPolicy: boolean;
  own: boolean;
  createdAt: string;
}
type NewKey = Key & { secretAccessKey: string };

export default function Keys() {
  const api = useApi();
  const notices = useNotices();
  const { region } = api.session;
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<NewKey>();
  const keys = useLoaded(async () => (await api.own<{ accessKeys: Key[] }>(region, "GET", "access-keys")).accessKeys, [api, region]);
  const path = (key: Key) => `access-keys/${encodeURIComponent(key.profile)}`;
  const setActive = (key: Key, active: boolean) =>
    notices.attempt(`${plain(key.profile)} is ${active ? "enabled" : "disabled"}`, () => api.own(region, "POST", path(key), {}, { active }));
  const remove = (key: Key) => notices.attempt(`${plain(key.profile)} is gone`, () => api.own(region, "DELETE", path(key)));
  return (
    <ContentLayout header={<Header variant="h1" description="What clients of the API, and the users of this console, act through">API keys</Header>}>
      <Holders<Key>
        title="Keys"
        one="key"
        loaded={keys}
        nameOf={(one) => one.profile}
        isOwn={(one) => one.own}
        add={api.may("CreateAccessKey") ? { text: "Make a key", act: () => setAdding(true) } : undefined}
        setActive={api.may("UpdateAccessKey") ? setActive : undefined}
        remove={api.may("DeleteAccessKey") ? remove : undefined}
        removed="What signs with it is refused from then on, and so are users who act through it. A deleted key does not come back; a disabled one may."
        columns={[
          {
            id: "profile",
            header: "Profile",
            isRowHeader: true,
            minWidth: 170,
            cell: (one) => (
              <SpaceBetween direction="horizontal" size="xs">
                <Value>{one.profile}</Value>
                {one.own && <Badge color="blue">you act through it</Badge>}
              </SpaceBetween>
            ),
          },
          {
            id: "key",
            header: "Access key ID",
            minWidth: 230,
            cell: (one) => (
              <>
                <Value>{one.accessKeyId}</Value>
                <Box variant="small" display="block" color="text-body-secondary">
                  made <Time at={one.createdAt} /> UTC
                </Box>
              </>
            ),
          },
          { id: "account", header: "Account", minWidth: 145, cell: (one) => <Value>{one.accountId}</Value> },
          {
            id: "role",
            header: "Role",
            cell: (one) => (
              <>
                <Value>{one.role}</Value>
                <Box variant="small" display="block" color="text-body-secondary">
                  {[one.administersAll && "every account", one.hasPolicy && "with a policy"].filter(Boolean).join(", ")}
                </Box>
              </>
            ),
          },
        ]}
      />
      {adding && (
        <NewKeyDialog
          onEnd={() => setAdding(false)}
          onMade={(key) => {
            setAdding(false);
            setMade(key);
            keys.again();
          }}
        />
      )}
      {made && <Secret made={made} onEnd={() => setMade(undefined)} />}
    </ContentLayout>
  );
}

function NewKeyDialog({ onMade, onEnd }: { onMade: (key: NewKey) => void; onEnd: () => void }) {
  const api = useApi();
  const notices = useNotices();
  const { session } = api;
  const [profile, setProfile] = useState("");
  const [accountId, setAccountId] = useState(session.account);
  const [role, setRole] = useState("read-only");
  const [region, setRegion] = useState(session.region);
  const [busy, setBusy] = useState(false);
  const wrong = profile !== "" && !/^[A-Za-z0-9._-]{1,64}$/.test(profile);
  const accounts = [...new Set([session.account, ...session.accounts])];
  const make = async () => {
    setBusy(true);
    let key: NewKey | undefined;
    await notices.attempt("", async () => {
      key = await api.own<NewKey>(session.region, "POST", "access-keys", {}, { profile, accountId, role, region });
    });
    setBusy(false);
    if (key) onMade(key);
  };
  return (
    <Dialog title="Make a key" action="Make" busy={busy} disabled={!profile || wrong} onAct={make} onEnd={onEnd}>
      <SpaceBetween size="m">
        <FormField label="Profile" description="Under this name its calls are logged" errorText={wrong ? "Letters, digits, '-', '_' and '.' only" : ""}>
          <Input value={profile} autoComplete="off" autoFocus onChange={({ detail }) => setProfile(detail.value)} />
        </FormField>
        {session.administersAll && (
          <FormField label="Account" description="Whose findings it sees; calls cannot name another">
            <Select
              selectedOption={{ value: accountId, label: accountId }}
              options={accounts.map((value) => ({ value, label: value }))}
              onChange={({ detail }) => setAccountId(detail.selectedOption.value ?? session.account)}
            />
          </FormField>
        )}
        <FormField label="Role" description={roles[role]}>
          <Select
            selectedOption={{ value: role, label: role }}
            options={Object.entries(roles).map(([value, description]) => ({ value, label: value, description }))}
            onChange={({ detail }) => setRole(detail.selectedOption.value ?? "")}
          />
        </FormField>
        <FormField label="Region" description="Where its console users begin; calls name their own">
          <Select
            selectedOption={{ value: region, label: region }}
            options={session.regions.map((value) => ({ value, label: value }))}
            onChange={({ detail }) => setRegion(detail.selectedOption.value ?? "")}
          />
        </FormField>
      </SpaceBetween>
    </Dialog>
  );
}

function Secret({ made, onEnd }: { made: NewKey; onEnd: () => void }) {
  const file = `[${made.profile}]\naws_access_key_id = ${made.accessKeyId}\naws_secret_access_key = ${made.secretAccessKey}\nregion = ${made.region}\n`;
  return (
    <Modal
      visible
      header={`The key of ${plain(made.profile)}`}
      onDismiss={onEnd}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onEnd}>
            I have kept it
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">The secret is shown this once. picket keeps it sealed and tells it nobody again.</Alert>
        <KeyValuePairs
          items={[
            { label: "Access key ID", value: <Value>{made.accessKeyId}</Value> },
            {
              label: "Secret access key",
              value: (
                <span className="secret">
                  <Text>{made.secretAccessKey}</Text> <Copy text={made.secretAccessKey} label="Copy the secret" />
                </span>
              ),
            },
          ]}
        />
        <Box>
          For the AWS CLI and the SDKs, in the credentials file: <Copy text={file} label="Copy the profile" />
        </Box>
      </SpaceBetween>
    </Modal>
  );
}
