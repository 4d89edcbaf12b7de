/** One thing that was tried. */
export interface Check {
  readonly name: string;
  readonly works: boolean;
  /** `full`, `base`: without it that tier does not work; `better`: both do, with less. */
  readonly for: 'full' | 'base' | 'better';
  /** What it means that it works, or that it does not. */
  readonly meaning: string;
  /** How to mend it; empty where nothing can be done, or has to be. */
  readonly mend: string;
}

export function check(name: string, needed: Check['for'], works: boolean, meaning: string, mend = ''): Check {
  return { name, works, for: needed, meaning, mend: works ? '' : mend };
}
