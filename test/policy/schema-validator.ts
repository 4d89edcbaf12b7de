/** JSON Schema, as much of it as the published schema uses, written from the specification alone (draft 2020-12). */
import type { Json, JsonObject } from '../../broker/policy/document/json.js';

const KEYWORDS = [
  '$schema',
  'title',
  'description',
  '$defs',
  '$ref',
  'anyOf',
  'oneOf',
  'enum',
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'minimum',
  'maximum',
];

/** Whether the value is valid. Throws for a schema that says what this does not know. */
export function isValid(value: unknown, schema: JsonObject, root: JsonObject = schema): boolean {
  const unknown = Object.keys(schema).filter((keyword) => !KEYWORDS.includes(keyword));
  if (unknown.length > 0) throw new Error(`no such keyword here: ${unknown.join(', ')}`);
  return (
    (schema.$ref === undefined || isValid(value, resolve(String(schema.$ref), root), root)) &&
    (schema.anyOf === undefined || list(schema.anyOf).some((each) => isValid(value, object(each), root))) &&
    (schema.oneOf === undefined ||
      list(schema.oneOf).filter((each) => isValid(value, object(each), root)).length === 1) &&
    (schema.enum === undefined || list(schema.enum).some((each) => each === value)) &&
    (schema.type === undefined || types(schema.type).some((type) => isOfType(value, type))) &&
    isValidNumber(value, schema) &&
    isValidList(value, schema, root) &&
    isValidObject(value, schema, root)
  );
}

function isValidNumber(value: unknown, { minimum, maximum }: JsonObject): boolean {
  if (typeof value !== 'number') return true;
  return value >= Number(minimum ?? value) && value <= Number(maximum ?? value);
}

function isValidList(value: unknown, { items, minItems }: JsonObject, root: JsonObject): boolean {
  if (!Array.isArray(value)) return true;
  if (value.length < Number(minItems ?? 0)) return false;
  return items === undefined || value.every((each) => isValid(each, object(items), root));
}

function isValidObject(value: unknown, schema: JsonObject, root: JsonObject): boolean {
  if (!isRecord(value)) return true;
  const properties = object(schema.properties ?? {});
  return (
    list(schema.required ?? []).every((name) => Object.hasOwn(value, String(name))) &&
    Object.entries(value).every(([name, each]) => {
      if (!Object.hasOwn(properties, name)) return schema.additionalProperties !== false;
      return isValid(each, object(properties[name] ?? {}), root);
    })
  );
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isRecord(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    default:
      throw new Error(`no such type here: ${type}`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function resolve(reference: string, root: JsonObject): JsonObject {
  const name = /^#\/\$defs\/(\w+)$/.exec(reference)?.[1];
  const found = name === undefined ? undefined : object(root.$defs ?? {})[name];
  if (found === undefined) throw new Error(`nothing is at ${reference}`);
  return object(found);
}

function types(type: Json): readonly string[] {
  return typeof type === 'string' ? [type] : list(type).map(String);
}

function list(value: Json): readonly Json[] {
  if (!Array.isArray(value)) throw new Error(`no list: ${JSON.stringify(value)}`);
  return value;
}

function object(value: Json): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`no object: ${JSON.stringify(value)}`);
  }
  return value as JsonObject;
}
