import { type Column, type Item, NOTHING, valueAt } from "./resource.ts";

const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** As in `1.50 GB`, whole below a KB. */
export function formatBytes(bytes: number): string {
  const unit = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)), UNITS.length - 1);
  return unit === 0 ? `${bytes} B` : `${(bytes / 1024 ** unit).toFixed(2)} ${UNITS[unit]}`;
}

/** As in `512 MB` and `1.50 GB`. */
export const formatMegabytes = (megabytes: number): string =>
  megabytes < 1024 ? `${megabytes} MB` : `${(megabytes / 1024).toFixed(2)} GB`;

const sizeCell = (path: string, format: (size: number) => string) => (item: Item) => {
  const size = valueAt(item, path);
  return typeof size === "number" ? format(size) : NOTHING;
};

export const bytesColumn = (heading: string, path: string): Column => ({ heading, cell: sizeCell(path, formatBytes) });

export const megabytesColumn = (heading: string, path: string): Column => ({
  heading,
  cell: sizeCell(path, formatMegabytes),
});
