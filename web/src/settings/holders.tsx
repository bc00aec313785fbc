// Whoever may come in, keys or users, as a table: one is chosen, disabled, enabled or deleted.
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { TableProps } from "@cloudscape-design/components/table";
import { useState, type ReactNode } from "react";
import { Confirm } from "../dialog";
import type { Loaded } from "../loading";
import { Failed } from "../parts";
import { Rows } from "../rows";
import { plain } from "../text";

interface Props<T> {
  title: string; // "Keys"
  one: string; // "key"
  loaded: Loaded<T[]>;
  nameOf: (one: T) => string;
  isOwn: (one: T) => boolean; // what one acts as oneself is not taken away
  columns: TableProps.ColumnDefinition<T>[];
  add?: { text: string; act: () => void };
  more?: { id: string; text: string; act: (one: T) => void }[];
  setActive?: (one: T, active: boolean) => Promise<unknown>;
  remove?: (one: T) => Promise<unknown>;
  removed: ReactNode; // what deleting means
}

export function Holders<T extends { active: boolean }>({ title, one: word, loaded, nameOf, isOwn, columns, add, more = [], setActive, remove, removed }: Props<T>) {
  const [chosen, setChosen] = useState<string>();
  const [removing, setRemoving] = useState(false);
  const selected = loaded.value?.find((one) => nameOf(one) === chosen);
  const end = () => {
    setChosen(undefined);
    loaded.again();
  };
  return (
    <>
      <Rows<T>
        variant="container"
        trackBy={nameOf}
        items={loaded.value ?? []}
        loading={!loaded.value && !loaded.error}
        loadingText="Loading"
        empty={loaded.error ? <Failed what="They cannot be shown" error={loaded.error} /> : "There are none."}
        selectionType="single"
        selectedItems={selected ? [selected] : []}
        onSelectionChange={({ detail }) => setChosen(detail.selectedItems[0] && nameOf(detail.selectedItems[0]))}
        ariaLabels={{ tableLabel: title, selectionGroupLabel: `Select a ${word}`, itemSelectionLabel: (_, one) => `Select ${plain(nameOf(one))}` }}
        header={
          <Header
            variant="h2"
            counter={loaded.value && `(${loaded.value.length})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel="Refresh" onClick={loaded.again} />
                <ButtonDropdown
                  disabled={!selected || isOwn(selected)}
                  items={[
                    { id: "active", text: selected?.active === false ? "Enable" : "Disable", disabled: !setActive },
                    ...more.map(({ id, text }) => ({ id, text })),
                    { id: "delete", text: "Delete", disabled: !remove },
                  ]}
                  onItemClick={({ detail: { id } }) => {
                    if (!selected) return;
                    if (id === "delete") setRemoving(true);
                    else if (id === "active") void setActive?.(selected, !selected.active).then(end);
                    else more.find((action) => action.id === id)?.act(selected);
                  }}
                >
                  Actions
                </ButtonDropdown>
                {add && (
                  <Button variant="primary" onClick={add.act}>
                    {add.text}
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            {title}
          </Header>
        }
        columnDefinitions={[
          ...columns,
          {
            id: "status",
            header: "Status",
            cell: (one) => <StatusIndicator type={one.active ? "success" : "stopped"}>{one.active ? "active" : "disabled"}</StatusIndicator>,
          },
        ]}
      />
      {removing && selected && (
        <Confirm title={`Delete ${plain(nameOf(selected))}`} action="Delete" onEnd={() => setRemoving(false)} act={async () => remove?.(selected).then(end)}>
          {removed}
        </Confirm>
      )}
    </>
  );
}
