/** So much of what is typed or pasted goes into one message: what is between here and there may take no more. */
const SLICE = 4096;

/** Bytes in the parts in which they are sent. */
export function slices(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: Math.ceil(bytes.length / SLICE) }, (_, i) => bytes.subarray(i * SLICE, (i + 1) * SLICE));
}
