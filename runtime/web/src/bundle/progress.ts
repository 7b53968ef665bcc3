/** How far `load` is with one file; the numbers are bytes. */
export interface Progress {
  file: string;
  loaded: number;
  total: number;
  stage: "download" | "verify" | "open";
}

export type OnProgress = (event: Progress) => void;
