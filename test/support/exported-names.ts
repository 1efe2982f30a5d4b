import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync, type Comment, type Statement } from "oxc-parser";

export interface ExportedName {
  readonly name: string;
  /** Of the declaration, whatever path of re-exports led there. */
  readonly file: string;
  readonly documented: boolean;
}

interface Module {
  readonly source: string;
  readonly comments: readonly Comment[];
  readonly body: readonly Statement[];
}

/**
 * Lists what an emitted `.d.ts` file exports, following re-exports within its package.
 *
 * Names that come from another package are left out: they are that package's to document.
 */
export function exportedNames(file: string): ExportedName[] {
  const module = parse(file);
  return module.body.flatMap((statement): ExportedName[] => {
    if (statement.type === "ExportAllDeclaration") return namesBehind(file, statement.source.value);
    if (statement.type === "ExportDefaultDeclaration") {
      return [{ name: "default", file, documented: hasDocstring(module, statement.start) }];
    }
    if (statement.type !== "ExportNamedDeclaration") return [];
    if (statement.declaration !== null) return declared(module, file, statement);
    return statement.specifiers.flatMap(({ local, exported }) => {
      const name = "name" in exported ? exported.name : exported.value;
      const inner = "name" in local ? local.name : local.value;
      return resolve(module, file, inner, statement.source?.value).map((found) => ({ ...found, name }));
    });
  });
}

function parse(file: string): Module {
  const source = readFileSync(file, "utf8");
  const { program, comments, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  return { source, comments, body: program.body };
}

function declared(module: Module, file: string, statement: Statement): ExportedName[] {
  const documented = hasDocstring(module, statement.start);
  return namesOf(statement).map((name) => ({ name, file, documented }));
}

/** The names that a statement declares, exported or not. */
function namesOf(statement: Statement): string[] {
  const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
  if (declaration === null) return [];
  if (declaration.type === "VariableDeclaration") {
    return declaration.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
  }
  if (!("id" in declaration) || declaration.id === null || declaration.id === undefined) return [];
  return declaration.id.type === "Identifier" ? [declaration.id.name] : [];
}

/** Finds what `name` means in `file`: from another file, declared here, or imported here. */
function resolve(module: Module, file: string, name: string, from: string | undefined): ExportedName[] {
  if (from !== undefined) return namesBehind(file, from).filter((found) => found.name === name);
  for (const statement of module.body) {
    if (statement.type !== "ImportDeclaration") continue;
    const specifier = statement.specifiers.find(({ local }) => local.name === name);
    if (specifier === undefined) continue;
    if (specifier.type !== "ImportSpecifier") return [];
    const imported = "name" in specifier.imported ? specifier.imported.name : specifier.imported.value;
    return namesBehind(file, statement.source.value).filter((found) => found.name === imported);
  }
  const all = module.body.flatMap((statement) => declared(module, file, statement));
  return all.filter((found) => found.name === name);
}

function namesBehind(file: string, specifier: string): ExportedName[] {
  if (!specifier.startsWith(".")) return [];
  return exportedNames(join(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")));
}

function hasDocstring({ source, comments }: Module, start: number): boolean {
  return comments.some(
    ({ type, value, end }) =>
      type === "Block" && value.startsWith("*") && end <= start && source.slice(end, start).trim() === "",
  );
}
