import type { TrustedFile } from './trusted-files.js';

/** Where V8 keeps what names a function: bytes from the start of each object, as its own binary says. */
export interface V8Layout {
  readonly frame: { readonly context: number; readonly function: number };
  readonly shared: number;
  readonly nameOrScopeInfo: number;
  readonly script: number;
  readonly scriptName: number;
  readonly instanceType: number;
  readonly string: {
    readonly length: number;
    readonly chars: number;
    readonly first: number;
    readonly second: number;
    readonly actual: number;
  };
  /** Slots after the map. */
  readonly scopeInfo: { readonly localCount: number; readonly locals: number };
  /** Instance types. */
  readonly types: {
    readonly sharedFunctionInfo: number;
    readonly script: number;
    readonly scopeInfo: number;
    readonly firstNonString: number;
  };
  readonly representation: {
    readonly mask: number;
    readonly sequential: number;
    readonly cons: number;
    readonly thin: number;
    readonly encodingMask: number;
    readonly oneByte: number;
  };
}

const PREFIX = 'v8dbg_';
const TAGGED_SIZE = 8;
const MOST_CACHED = 8;
const cache = new Map<string, Promise<V8Layout | undefined>>();

/**
 * From the constants that V8 leaves in the binary for debuggers of dead processes (postmortem metadata: gen-postmortem-
 * metadata.py; mdb_v8 and llnode go by them). Undefined where a constant is missing, or pointers are compressed.
 */
export function v8Layout(program: TrustedFile): Promise<V8Layout | undefined> {
  const known = cache.get(program.fingerprint);
  if (known !== undefined) return known;
  const found = findLayout(program);
  if (cache.size >= MOST_CACHED) cache.clear();
  cache.set(program.fingerprint, found);
  found.catch(() => cache.delete(program.fingerprint));
  return found;
}

async function findLayout({ elf }: TrustedFile): Promise<V8Layout | undefined> {
  const symbols = await elf.symbolsNamed(PREFIX);
  let complete = true;
  /** Types of fields are part of their names, and change from one V8 to the next. */
  const constant = async (...names: string[]): Promise<number> => {
    const matches = (name: string): boolean =>
      names.some((wanted) => name === PREFIX + wanted || name.startsWith(`${PREFIX + wanted}__`));
    const symbol = symbols.find(({ name }) => matches(name));
    const value = symbol === undefined ? undefined : await elf.constant(symbol.address);
    if (value === undefined) complete = false;
    return value ?? 0;
  };
  const layout: V8Layout = {
    frame: { context: await constant('off_fp_context_or_frame_type'), function: await constant('off_fp_function') },
    shared: await constant('class_JSFunction__shared'),
    nameOrScopeInfo: await constant('class_SharedFunctionInfo__name_or_scope_info'),
    script: await constant('class_SharedFunctionInfo__script', 'class_SharedFunctionInfo__script_or_debug_info'),
    scriptName: await constant('class_Script__name'),
    instanceType: await constant('class_Map__instance_type'),
    string: {
      length: await constant('class_String__length'),
      chars: await constant('class_SeqOneByteString__chars'),
      first: await constant('class_ConsString__first'),
      second: await constant('class_ConsString__second'),
      actual: await constant('class_ThinString__actual'),
    },
    scopeInfo: {
      localCount: await constant('scopeinfo_idx_ncontextlocals'),
      locals: await constant('scopeinfo_idx_first_vars'),
    },
    types: {
      sharedFunctionInfo: await constant('type_SharedFunctionInfo'),
      script: await constant('type_Script'),
      scopeInfo: await constant('type_ScopeInfo'),
      firstNonString: await constant('FirstNonstringType'),
    },
    representation: {
      mask: await constant('StringRepresentationMask'),
      sequential: await constant('SeqStringTag'),
      cons: await constant('ConsStringTag'),
      thin: await constant('ThinStringTag'),
      encodingMask: await constant('StringEncodingMask'),
      oneByte: await constant('OneByteStringTag'),
    },
  };
  const wholePointers = (await constant('TaggedSize')) === TAGGED_SIZE;
  return complete && wholePointers ? layout : undefined;
}
