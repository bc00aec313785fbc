import Cards from "@cloudscape-design/components/cards";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { useNarrow } from "./viewport";

const halfWidth = 50; // per cent of a card

// A table whose columns are no narrower than a word or two: text that may break anywhere does not break everywhere. On a
// phone each row is a card, since nobody looks for columns beside the screen.
export function Rows<T>(props: TableProps<T>) {
  const narrow = useNarrow();
  if (!narrow) return <Table<T> wrapLines {...props} columnDefinitions={props.columnDefinitions.map((column) => ({ minWidth: 130, ...column }))} />;
  const { ariaLabels, columnDefinitions, items, header, filter, pagination, empty, loading, loadingText, trackBy, selectionType, selectedItems, onSelectionChange } = props;
  const name = columnDefinitions.find(({ isRowHeader }) => isRowHeader) ?? columnDefinitions[0]!;
  return (
    <Cards<T>
      {...{ items, header, filter, pagination, empty, loading, loadingText, trackBy, selectionType, selectedItems, onSelectionChange }}
      ariaLabels={{
        cardsLabel: ariaLabels?.tableLabel,
        selectionGroupLabel: ariaLabels?.selectionGroupLabel ?? "",
        itemSelectionLabel: (state, item) => ariaLabels?.itemSelectionLabel?.(state, item) ?? "",
      }}
      cardDefinition={{
        header: name.cell,
        sections: columnDefinitions.filter((column) => column !== name).map(({ id, header: title, cell }) => ({ id, header: title, content: cell, width: halfWidth })),
      }}
    />
  );
}
