// What is asked in a dialog: a form, and a question before what cannot be taken back.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useId, useState, type ReactNode } from "react";

interface DialogProps {
  title: string;
  children: ReactNode;
  action: string;
  busy?: boolean;
  disabled?: boolean;
  onAct: () => Promise<unknown>;
  onEnd: () => void;
}

export function Dialog({ title, children, action, busy, disabled, onAct, onEnd }: DialogProps) {
  const id = useId();
  return (
    <Modal
      visible
      header={title}
      onDismiss={onEnd}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onEnd}>
              Cancel
            </Button>
            <Button variant="primary" loading={busy} disabled={disabled} form={id} formAction="submit">
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        id={id}
        onSubmit={(event) => {
          event.preventDefault();
          if (!disabled && !busy) void onAct();
        }}
      >
        {children}
      </form>
    </Modal>
  );
}

// Asks once more before something that cannot be taken back; `act` tells whether it worked.
export function Confirm({ title, children, action, act, onEnd }: { title: string; children: ReactNode; action: string; act: () => Promise<unknown>; onEnd: () => void }) {
  const [busy, setBusy] = useState(false);
  return (
    <Dialog
      title={title}
      action={action}
      busy={busy}
      onEnd={onEnd}
      onAct={async () => {
        setBusy(true);
        await act();
        setBusy(false);
        onEnd();
      }}
    >
      {children}
    </Dialog>
  );
}
