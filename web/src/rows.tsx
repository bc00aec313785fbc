import Table, { type TableProps } from "@cloudscape-design/components/table";

// A table whose columns are no narrower than a word or two: text that may break anywhere does not break everywhere.
export function Rows<T>(props: TableProps<T>) {
  return <Table<T> wrapLines {...props} columnDefinitions={props.columnDefinitions.map((column) => ({ minWidth: 130, ...column }))} />;
}
