/** So much of what is typed or pasted goes into one message: what is between here and there may take no more. */
const SLICE = 4096;

/** Bytes in the parts in which they are sent. */
export function slices(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: Math.ceil(bytes.length / SLICE) }, (_, i) => bytes.subarray(i * SLICE, (i + 1) * SLICE));
}

/**
 * Whether these keys leave the console, which takes all others: as they do in QEMU's own window. Desktops have
 * Ctrl-Alt-Escape for themselves; AltGr, which Windows tells as Ctrl and Alt, makes letters.
 */
export function leaves(e: { code: string; ctrlKey: boolean; altKey: boolean; getModifierState: (key: string) => boolean }): boolean {
  return e.code === 'KeyG' && e.ctrlKey && e.altKey && !e.getModifierState('AltGraph');
}

/** As X11 calls them, and as browsers do: what is held down when one leaves, and must not stay so for the guest. */
export const HELD: [number, string][] = [
  [0xffe3, 'ControlLeft'],
  [0xffe4, 'ControlRight'],
  [0xffe9, 'AltLeft'],
  [0xffea, 'AltRight'],
];
