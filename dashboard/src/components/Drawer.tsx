import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react';

interface DrawerProps {
  title: string;
  /** What is shown: another one is read from its head. */
  subject: string;
  close: () => void;
  children: ReactNode;
}

/** What is laid over the page: it has the focus to itself, and gives it back. */
export function Drawer({ title, subject, close, children }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    // The focus goes back only if it is closed, not if it is merely taken away.
    return () => opened?.close();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: for each subject anew
  useEffect(() => heading.current?.focus(), [subject]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape and the button do the same
    <dialog
      ref={dialog}
      className="drawer"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      <div className="sheet">
        <header>
          <h2 id={id} ref={heading} tabIndex={-1}>
            {title}
          </h2>
          <button type="button" onClick={close}>
            Close
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
